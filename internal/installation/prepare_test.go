package installation

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rdslink/rdslink/internal/deployment"
)

func configuration(function string) *lambdatypes.FunctionConfiguration {
	return &lambdatypes.FunctionConfiguration{FunctionName: &function, FunctionArn: &function, VpcConfig: &lambdatypes.VpcConfigResponse{}}
}

// What the tests deploy has a key and a registry, unless the deployer gives a key.
func assembly(options map[string]any) Assembly {
	text, _ := json.Marshal(options) // a map of strings
	of := Assembly{Stack: name, ExecutionRole: "exec", Template: Template{
		Metadata:  map[string]json.RawMessage{OptionsKey: text},
		Resources: map[string]Resource{"Registry1": {Type: tableType}, "Topic": {Type: "AWS::SNS::Topic"}},
	}}
	if _, given := options["key"]; !given {
		of.Template.Resources["Key1"] = Resource{Type: keyType}
	}
	return of
}

var (
	table = part{tableType, "rdslink-Registry1-A"}
	key   = part{keyType, "k1"}
	role  = part{"AWS::IAM::Role", "rdslink-ResolverRole-A"}
)

func ourKey() map[string]*fakeKey {
	return map[string]*fakeKey{key.id: {deployment.Key(name), kmstypes.KeyStateEnabled}}
}

func registryWith(exposures ...string) map[string]*fakeTable {
	return map[string]*fakeTable{table.id: {exposures: exposures, key: key.id, protected: true}}
}

func TestPrepare(t *testing.T) {
	failed := func(status types.StackStatus, exposures ...string) fake {
		return fake{status: status, protected: true, skipped: []part{key, table}, after: types.StackStatusDeleteComplete,
			tables: registryWith(exposures...), keys: ourKey()}
	}
	lived := func(status types.StackStatus, exposures ...string) fake {
		return fake{status: status, protected: true, parts: []part{key, table}, tables: registryWith(exposures...), keys: ourKey()}
	}
	with := func(f fake, change func(*fake)) fake { change(&f); return f }
	const others = `{"operators":"x@example.com","tags":{"a":"b"}}`
	optioned := func(options string) fake {
		return with(lived(types.StackStatusUpdateComplete), func(f *fake) { f.options = options })
	}
	operators := map[string]any{"operators": "dba@example.com"}
	again := []string{"protect stack: false", "delete stack", "import k1 as Key1", "import rdslink-Registry1-A as Registry1", "as exec", "execute"}
	adopted := again[2:]

	for name, row := range map[string]struct {
		fake    fake
		options map[string]any
		want    []string // that it does
		said    []string
		asked   int
		err     string
	}{
		"nothing is there": {said: []string{"the stack rdslink of account 111122223333 in eu-central-1 is new"}},
		"a stack with exposures": {fake: lived(types.StackStatusUpdateComplete, "a", "b"),
			said: []string{"was last deployed on 2026-11-29 01:02:03 UTC, and has 2 exposures"}},
		"a stack without protection": {fake: with(lived(types.StackStatusUpdateComplete), func(f *fake) { f.protected = false }),
			said: []string{"UTC, is not protected against deletion until this deployment is done, and has no exposure"}},
		"a stack whose update failed": {fake: lived(types.StackStatusUpdateRollbackComplete)},

		"a first deployment that failed":        {fake: failed(types.StackStatusRollbackComplete), want: again, said: []string{"never worked", "protection of the stack rdslink is lifted"}},
		"and could not be rolled back":          {fake: failed(types.StackStatusRollbackFailed), want: again},
		"and was not to be rolled back":         {fake: failed(types.StackStatusCreateFailed), want: again},
		"a first deployment that nobody let go": {fake: fake{status: types.StackStatusReviewInProgress, protected: true, after: types.StackStatusDeleteComplete}, want: again[:2]},
		"one that failed before the registry was made": {
			fake: fake{status: types.StackStatusRollbackComplete, skipped: []part{key}, after: types.StackStatusDeleteComplete, keys: ourKey()},
			want: []string{"delete stack", "import k1 as Key1", "as exec", "execute"},
		},
		"one that has exposures all the same": {fake: failed(types.StackStatusRollbackComplete, "a"), err: "never worked, and its registry holds 1 exposure"},
		"one that is not deleted": {fake: with(failed(types.StackStatusRollbackFailed), func(f *fake) { f.after = types.StackStatusDeleteFailed }), want: again[:2],
			err: "Guard: the registry holds"},

		"a deletion that was refused":                  {fake: lived(types.StackStatusDeleteFailed, "a"), err: "Remove each (docs/removing.md), then make destroy"},
		"a deletion that was refused, by and by":       {fake: lived(types.StackStatusDeleteFailed), err: "finish its deletion with make destroy"},
		"a rollback that failed":                       {fake: lived(types.StackStatusUpdateRollbackFailed), err: "continue-update-rollback --stack-name rdslink"},
		"an import whose rollback failed":              {fake: lived(types.StackStatusImportRollbackFailed), err: "takes no update"},
		"somebody else is deploying":                   {fake: lived(types.StackStatusUpdateInProgress), err: "wait until that is over"},
		"somebody else's deployment is cleaning":       {fake: lived(types.StackStatusUpdateCompleteCleanupInProgress), err: "wait until that is over"},
		"the deployer may not look":                    {fake: fake{denied: true}, said: []string{"not checked: "}},
		"the options are the same":                     {fake: optioned(`{"operators":"dba@example.com"}`), options: operators},
		"an option is new":                             {fake: optioned(`{}`), options: operators},
		"the deployed template is no JSON":             {fake: optioned(yaml), options: operators},
		"the deployed stack does not say":              {fake: lived(types.StackStatusUpdateComplete), options: operators},
		"an option would be lost by mistake":           {fake: optioned(others), asked: 1, err: "stays as it is: give its options again"},
		"an option would be lost, and that is so":      {fake: with(optioned(others), func(f *fake) { f.answer = true }), asked: 1, said: []string{"the option operators would be lost: it is"}},
		"an option would be lost, and nobody is there": {fake: with(optioned(others), func(f *fake) { f.absent = true }), asked: 1, err: "set YES=1"},
		"an option would change": {fake: with(optioned(others), func(f *fake) { f.answer = true }), options: operators, asked: 1,
			said: []string{`would change from "x@example.com" to "dba@example.com"`, `the option tags would be lost: it is {"a":"b"}`}},

		"a registry is left":           {fake: fake{tables: registryWith("a", "b"), keys: ourKey()}, want: adopted, said: []string{"registry rdslink-Registry1-A", "taken over with 2 exposures"}},
		"an empty registry is left":    {fake: fake{tables: registryWith(), keys: ourKey()}, want: adopted, said: []string{"taken over with no exposure"}},
		"another stack's registry":     {fake: fake{tables: map[string]*fakeTable{"rdslink-blue-Registry1-A": {exposures: []string{"a"}}, "orders": {}}}},
		"a registry whose key is gone": {fake: fake{tables: registryWith("a")}, want: []string{"import rdslink-Registry1-A as Registry1", "as exec", "execute"}},
		"a registry with a key of the deployer's": {fake: fake{tables: registryWith("a"), keys: map[string]*fakeKey{key.id: {"everything", kmstypes.KeyStateEnabled}}},
			want: []string{"import rdslink-Registry1-A as Registry1", "as exec", "execute"}},
		"a registry, and a key of the deployer's from now on": {fake: fake{tables: registryWith("a"), keys: ourKey()}, options: map[string]any{"key": "arn"},
			want: []string{"import rdslink-Registry1-A as Registry1", "as exec", "execute"}, said: []string{"k1, which an earlier installation has left, is not used any more"}},
		"a registry whose key is being deleted": {fake: fake{tables: registryWith("a"), keys: map[string]*fakeKey{key.id: {deployment.Key(name), kmstypes.KeyStatePendingDeletion}}},
			err: "aws kms cancel-key-deletion --key-id k1"},
		"two registries, one of them used": {fake: fake{keys: ourKey(), tables: map[string]*fakeTable{
			table.id: {exposures: []string{"a"}, key: key.id, age: time.Hour}, "rdslink-Registry1-B": {key: key.id},
		}}, want: adopted, said: []string{"rdslink-Registry1-B, which an earlier installation has left, is empty and stays"}},
		"two empty registries: the later": {fake: fake{keys: ourKey(), tables: map[string]*fakeTable{
			table.id: {key: key.id}, "rdslink-Registry1-B": {key: key.id, age: time.Hour},
		}}, want: adopted},
		"two registries that are used": {fake: fake{tables: map[string]*fakeTable{
			table.id: {exposures: []string{"a"}}, "rdslink-Registry1-B": {exposures: []string{"b", "c"}},
		}}, err: "more than one registry"},
		"what is left cannot be imported": {fake: fake{tables: registryWith("a"), keys: ourKey(), unchanged: "already exists in stack other"}, want: adopted[:3], err: "already exists in stack other"},
	} {
		t.Run(name, func(t *testing.T) {
			f := row.fake
			err := f.account().Prepare(t.Context(), assembly(row.options))
			if (err == nil) != (row.err == "") || err != nil && !strings.Contains(err.Error(), row.err) {
				t.Errorf("error %v, want %q", err, row.err)
			}
			if !slices.Equal(f.mutations, row.want) {
				t.Errorf("did %q, want %q", f.mutations, row.want)
			}
			for _, part := range row.said {
				if !strings.Contains(strings.Join(f.said, "\n"), part) {
					t.Errorf("%q is missing in %q", part, f.said)
				}
			}
			if f.asked != row.asked {
				t.Errorf("asked %d times", f.asked)
			}
		})
	}
}

// A state that CloudFormation knows is updated, made anew, or refused with what to do: never left to its own words.
func TestEveryStateOfAStackIsJudged(t *testing.T) {
	updated := []types.StackStatus{
		types.StackStatusCreateComplete, types.StackStatusUpdateComplete, types.StackStatusUpdateRollbackComplete, types.StackStatusUpdateFailed,
		types.StackStatusImportComplete, types.StackStatusImportRollbackComplete, types.StackStatusDeleteComplete, // nobody finds that by its name
	}
	for _, status := range types.StackStatus("").Values() {
		f := fake{status: status, after: types.StackStatusDeleteComplete, parts: []part{table}, tables: registryWith()}
		err := f.account().Prepare(t.Context(), assembly(nil))
		anew := slices.Contains(f.mutations, "delete stack")
		if refused := err != nil; refused == slices.Contains(updated, status) && !anew || refused && anew {
			t.Errorf("%s: error %v, did %q", status, err, f.mutations)
		}
	}
}

// What is not as it is would be made by the update once more, or never.
func TestWhatIsLeftIsDescribedAsItIs(t *testing.T) {
	f := fake{tables: registryWith("a"), keys: ourKey()}
	if err := f.account().Prepare(t.Context(), assembly(nil)); err != nil {
		t.Fatal(err)
	}
	for _, r := range f.imported.Resources {
		if r.DeletionPolicy != "Retain" || r.UpdateReplacePolicy != "Retain" {
			t.Errorf("%s is imported with %q, %q", r.Type, r.DeletionPolicy, r.UpdateReplacePolicy)
		}
	}
	got, err := json.Marshal(f.imported.Resources)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"GlobalSecondaryIndexes":[{"IndexName":"service","KeySchema":[{"AttributeName":"serviceId","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"}}]`,
		`"SSESpecification":{"KMSMasterKeyId":"` + keyARN + `k1","SSEEnabled":true,"SSEType":"KMS"}`, `"DeletionProtectionEnabled":true`,
		`"KeyPolicy":{"Statement":[{"Effect":"Allow"}]}`, `"Description":"rdslink: registry and topics"`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%s is missing in\n%s", want, got)
		}
	}
}

func TestAnAssemblyIsRead(t *testing.T) {
	dir := t.TempDir()
	for file, text := range map[string]string{
		"manifest.json": `{"artifacts":{"rdslink.assets":{"type":"cdk:asset-manifest"},"rdslink-blue":{"type":"aws:cloudformation:stack","properties":{"templateFile":"t.json",
			"assumeRoleArn":"arn:${AWS::Partition}:iam::${AWS::AccountId}:role/deploy-${AWS::Region}"}}}}`,
		"t.json": `{"Metadata":{"rdslink":{"operators":"x"}},"Resources":{"Registry1":{"Type":"AWS::DynamoDB::Table"}}}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	of, err := ReadAssembly(dir, Place{"aws-us-gov", "111122223333", "us-gov-west-1"})
	options, known, failed := of.Template.options()
	if err != nil || failed != nil || !known || options["operators"] != "x" || of.Stack != "rdslink-blue" ||
		of.DeployRole != "arn:aws-us-gov:iam::111122223333:role/deploy-us-gov-west-1" || of.Template.only(tableType) != "Registry1" {
		t.Errorf("%+v, options %v, %v, %v", of, options, err, failed)
	}
}
