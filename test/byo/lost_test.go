package byo

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/rdslink/rdslink/internal/operator"
	"github.com/rdslink/rdslink/test/stage"
)

// losesItsRegistry deletes every item. What has gone is named by the tags. One exposure is started again, with the input
// that it was started with, and is what it was; the other comes back from the time before, as docs/watching.md says.
func (a *account) losesItsRegistry(again, restored exposure) {
	a.Helper()
	tables := dynamodb.NewFromConfig(a.cloud.Config(stage.Customer))
	kept, err := a.registry().Get(a.ctx, restored.id)
	a.check(err)
	before := time.Now().Add(time.Second).Truncate(time.Second) // a restore is to a second
	time.Sleep(time.Until(before))
	items, err := tables.Scan(a.ctx, &dynamodb.ScanInput{TableName: aws.String(a.table())})
	a.check(err)
	for _, item := range items.Items {
		_, err := tables.DeleteItem(a.ctx, &dynamodb.DeleteItemInput{TableName: aws.String(a.table()), Key: map[string]types.AttributeValue{"id": item["id"]}})
		a.check(err)
	}
	_, err = a.news.Next(a.ctx, "The schedule "+restored.id+" goes on, and the registry has no exposure of that id", "start it again with its input, or restore")
	a.check(err)
	a.areRecorded(nil, again, restored)

	once := exposure{input: again.input, execution: a.starts(again.input), client: again.client}
	a.succeeds(&once)
	of := regexp.MustCompile(`RequestID: [0-9a-f-]+|"digest":"[^"]+"`) // of a refusal that the output quotes, and of it all
	if now, was := of.ReplaceAllString(once.output, ""), of.ReplaceAllString(again.output, ""); now != was {
		a.Errorf("started again the exposure is\n%s\nand was\n%s", now, was)
	}
	a.areRecorded([]string{again.id}, again, restored)

	page, err := os.ReadFile(filepath.Join(a.cloud.Root, "docs/watching.md"))
	a.check(err)
	_, said, _ := strings.Cut(string(page), "A point-in-time restore makes")
	_, said, _ = strings.Cut(said, "```sh\n")
	commands, _, found := strings.Cut(said, "```")
	if !found {
		a.Fatal("docs/watching.md does not say how the registry comes back")
	}
	newer, err := a.registry().Get(a.ctx, again.id)
	a.check(err)
	a.await("that time to be one to which AWS restores", func() bool {
		out, err := tables.DescribeContinuousBackups(a.ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: aws.String(a.table())})
		a.check(err)
		return !aws.ToTime(out.ContinuousBackupsDescription.PointInTimeRecoveryDescription.LatestRestorableDateTime).Before(before)
	})
	printed, err := a.cloud.Run(a.ctx, stage.Customer, "env", "PATH="+filepath.Join(a.cloud.Root, "build/aws/bin")+":"+filepath.Join(a.cloud.Root, "build/bin")+":"+os.Getenv("PATH"),
		"TABLE="+a.table(), "BEFORE="+before.UTC().Format(time.RFC3339), "sh", "-e", "-c", commands)
	a.check(err)
	for _, words := range []string{"restored: " + restored.id, "kept, as the registry has it: " + again.id} {
		if !strings.Contains(string(printed), words) {
			a.Errorf("%q is missing in\n%s", words, printed)
		}
	}
	back, err := a.registry().Get(a.ctx, restored.id)
	a.check(err)
	if back.Claim != kept.Claim || !slices.Equal(back.SecurityGroupRuleIDs, kept.SecurityGroupRuleIDs) || len(back.Decisions) != len(kept.Decisions) {
		a.Errorf("restored is\n%+v\nand not\n%+v", back, kept)
	}
	if now, err := a.registry().Get(a.ctx, again.id); err != nil || now.Claim != newer.Claim {
		a.Errorf("of the one that was started again, the older item is there: %v", err)
	}
	a.areRecorded([]string{again.id, restored.id}, again, restored)
	for _, e := range []exposure{again, restored} {
		a.isLookedAt(e.id)
		a.isServed(e)
	}
}

// areRecorded waits until those alone of the exposures are in the registry. The tags name all.
func (a *account) areRecorded(ids []string, all ...exposure) {
	a.Helper()
	tagged, err := a.people().FromTags(a.ctx)
	a.check(err)
	for _, e := range all {
		i := slices.IndexFunc(tagged, func(t operator.Tagged) bool { return t.Exposure == e.id })
		if i < 0 || tagged[i].Recorded != slices.Contains(ids, e.id) {
			a.Errorf("of %v alone %s is said to be recorded: %+v", ids, e.id, tagged)
		}
	}
}
