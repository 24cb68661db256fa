package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cloudformationtypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/installation"
	"github.com/rdslink/rdslink/test/stage"
)

// owner is an account that has the stack's key and registry, and nothing else of it.
const owner = "444455556666"

// A first deployment fails, and is made again by deploying again. Nobody deletes the stack by mistake; who does so in
// earnest finds its registry in the next one. After the last exposure all of it goes.
func TestTheLifeOfAStack(t *testing.T) {
	s := life{story: begin(t), folder: t.TempDir()}
	config := cloud.Config(owner)
	s.stacks, s.tables = cloudformation.NewFromConfig(config), dynamodb.NewFromConfig(config)
	s.account = installation.New(config, config, installation.Place{Partition: "aws", Account: owner, Region: stage.Region})
	s.account.Say = func(text string) { s.said = append(s.said, text) }
	s.account.Ask = func(string) (bool, error) { return true, nil }

	s.writes(broken)
	if err := cloud.DeployAssembly(s.ctx, owner, s.folder); err == nil {
		s.Fatal("what is broken was deployed")
	}
	if failed := s.stack(); failed.StackStatus != cloudformationtypes.StackStatusRollbackComplete || !*failed.EnableTerminationProtection {
		s.Fatalf("the first deployment left %s, protected: %v", failed.StackStatus, *failed.EnableTerminationProtection)
	}
	table := s.table()

	s.writes("")
	s.prepares("is in ROLLBACK_COMPLETE", "termination protection of the stack rdslink is lifted", "key", "registry "+table, "taken over with no exposure")
	s.check(cloud.DeployAssembly(s.ctx, owner, s.folder))
	_, err := s.stacks.DeleteStack(s.ctx, &cloudformation.DeleteStackInput{StackName: aws.String("rdslink")})
	if refused, ok := errors.AsType[smithy.APIError](err); !ok || !strings.Contains(refused.ErrorMessage(), "TerminationProtection is enabled") {
		s.Errorf("the stack can be deleted by mistake: %v", err)
	}
	if s.table() != table {
		s.Errorf("the stack has the registry %s besides %s", s.table(), table)
	}

	_, err = s.tables.PutItem(s.ctx, &dynamodb.PutItemInput{TableName: &table, Item: map[string]dynamodbtypes.AttributeValue{
		"id": &dynamodbtypes.AttributeValueMemberS{Value: "orders-x"}, "databaseArn": &dynamodbtypes.AttributeValueMemberS{Value: "arn:orders"},
	}})
	s.check(err)
	if err := s.account.Remove(s.ctx, deployment.Unnamed); err == nil || !strings.Contains(err.Error(), "orders-x in "+table) {
		s.Errorf("a stack with an exposure is removed: %v", err)
	}
	s.deletesInEarnest()
	s.prepares("is new", "registry "+table, "taken over with 1 exposure")
	s.check(cloud.DeployAssembly(s.ctx, owner, s.folder))
	s.prepares("and has 1 exposure")

	_, err = s.tables.DeleteItem(s.ctx, &dynamodb.DeleteItemInput{TableName: &table, Key: map[string]dynamodbtypes.AttributeValue{"id": &dynamodbtypes.AttributeValueMemberS{Value: "orders-x"}}})
	s.check(err)
	key := s.key(table)
	s.check(s.account.Remove(s.ctx, deployment.Unnamed))
	if _, err := s.stacks.DescribeStacks(s.ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("rdslink")}); err == nil {
		s.Error("the stack is still there")
	}
	if left := s.table(); left != "" {
		s.Errorf("the registry %s is still there", left)
	}
	found, err := kms.NewFromConfig(config).DescribeKey(s.ctx, &kms.DescribeKeyInput{KeyId: &key})
	s.check(err)
	if found.KeyMetadata.KeyState != kmstypes.KeyStatePendingDeletion {
		s.Errorf("the key is %s", found.KeyMetadata.KeyState)
	}
}

// life is the story of a stack.
type life struct {
	story
	folder  string // of the assembly
	stacks  *cloudformation.Client
	tables  *dynamodb.Client
	account installation.Account
	said    []string
}

// broken is a state machine that CloudFormation cannot make. It comes after what the stack keeps.
const broken = `{"Type":"AWS::StepFunctions::StateMachine","DependsOn":["KEY","REGISTRY"],"Properties":{"RoleArn":"arn:aws:iam::444455556666:role/r","DefinitionString":"{}"}}`

// writes makes an assembly of the app's key and registry, with or without something broken. It needs no bootstrap.
func (s *life) writes(broken string) {
	s.Helper()
	text, err := os.ReadFile(filepath.Join(cloud.Assembly(), "rdslink.template.json"))
	s.check(err)
	var app struct{ Resources map[string]json.RawMessage }
	s.check(json.Unmarshal(text, &app))
	kept := map[string]json.RawMessage{}
	for id, resource := range app.Resources {
		for _, kind := range []string{"Key", "Registry"} {
			if strings.HasPrefix(id, kind) {
				kept[id] = resource
				broken = strings.ReplaceAll(broken, strings.ToUpper(kind), id)
			}
		}
	}
	if broken != "" {
		kept["Broken"] = json.RawMessage(broken)
	}
	template, err := json.Marshal(map[string]any{"Resources": kept})
	s.check(err)
	for file, text := range map[string]string{
		"rdslink.template.json": string(template),
		"manifest.json": `{"version":"36.0.0","artifacts":{"rdslink":{"type":"aws:cloudformation:stack","environment":"aws://` + owner + `/` + stage.Region + `",
			"properties":{"templateFile":"rdslink.template.json","terminationProtection":true}}}}`,
	} {
		s.check(os.WriteFile(filepath.Join(s.folder, file), []byte(text), 0o644))
	}
}

// prepares does what make deploy does first, which says so.
func (s *life) prepares(words ...string) {
	s.Helper()
	s.said = nil
	of, err := installation.ReadAssembly(s.folder, s.account.Place)
	s.check(err)
	s.check(s.account.Prepare(s.ctx, of))
	for _, word := range words {
		if !strings.Contains(strings.Join(s.said, "\n"), word) {
			s.Errorf("%q is missing in %q", word, s.said)
		}
	}
}

// deletesInEarnest does what somebody may do in the console.
func (s *life) deletesInEarnest() {
	s.Helper()
	id := s.stack().StackId
	_, err := s.stacks.UpdateTerminationProtection(s.ctx, &cloudformation.UpdateTerminationProtectionInput{StackName: id, EnableTerminationProtection: aws.Bool(false)})
	s.check(err)
	_, err = s.stacks.DeleteStack(s.ctx, &cloudformation.DeleteStackInput{StackName: id})
	s.check(err)
	s.await("the end of the stack", func() bool {
		out, err := s.stacks.DescribeStacks(s.ctx, &cloudformation.DescribeStacksInput{StackName: id})
		s.check(err)
		return out.Stacks[0].StackStatus == cloudformationtypes.StackStatusDeleteComplete
	})
}

func (s *life) stack() cloudformationtypes.Stack {
	s.Helper()
	out, err := s.stacks.DescribeStacks(s.ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("rdslink")})
	s.check(err)
	return out.Stacks[0]
}

// table is the one table of the account, if it has one.
func (s *life) table() string {
	s.Helper()
	out, err := s.tables.ListTables(s.ctx, &dynamodb.ListTablesInput{})
	s.check(err)
	return strings.Join(out.TableNames, ", ")
}

func (s *life) key(table string) string {
	s.Helper()
	out, err := s.tables.DescribeTable(s.ctx, &dynamodb.DescribeTableInput{TableName: &table})
	s.check(err)
	return aws.ToString(out.Table.SSEDescription.KMSMasterKeyArn)
}
