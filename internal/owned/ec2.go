package owned

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/rdslink/rdslink/internal/outcome"
)

// EC2TagAPI puts tags on EC2's resources.
type EC2TagAPI interface {
	CreateTags(context.Context, *ec2.CreateTagsInput, ...func(*ec2.Options)) (*ec2.CreateTagsOutput, error)
}

// RetagEC2 puts wanted tags on resources of ours, given by id with the tags that they have, that do not carry them: those of
// the deployment may have changed.
func RetagEC2(ctx context.Context, api EC2TagAPI, have map[string]map[string]string, want map[string]string) error {
	bare := slices.DeleteFunc(slices.Sorted(maps.Keys(have)), func(id string) bool { return Carries(have[id], want) })
	if len(bare) == 0 {
		return nil
	}
	slog.InfoContext(ctx, "create tags", "resources", bare, "tags", want)
	if _, err := api.CreateTags(ctx, &ec2.CreateTagsInput{Resources: bare, Tags: EC2Tags(want)}); err != nil {
		return fmt.Errorf("create tags on %s: %w", strings.Join(bare, ", "), outcome.Unseen(err))
	}
	return nil
}
