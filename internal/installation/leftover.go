package installation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/registry"
)

// A leftover is the registry of a stack that is gone.
type leftover struct {
	name      string
	table     *dynamodbtypes.TableDescription
	key       *kmstypes.KeyMetadata // that encrypts it
	exposures []registry.Exposure
}

// table describes a table; nil, where there is none.
func (a Account) table(ctx context.Context, name string) (*dynamodbtypes.TableDescription, error) {
	out, err := a.Tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if _, missing := errors.AsType[*dynamodbtypes.ResourceNotFoundException](err); missing {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("describe table %s: %w", name, err)
	}
	return out.Table, nil
}

// leftovers are the tables that CloudFormation has made for the registries of stacks of this name, the latest first, beside
// those that are known to be. It names what it makes STACK-ID-RANDOM, ID being the logical one.
func (a Account) leftovers(ctx context.Context, stack string, known []string) (all []leftover, err error) {
	names := slices.Clone(known)
	in := &dynamodb.ListTablesInput{}
	for {
		out, err := a.Tables.ListTables(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("list tables: %w", err)
		}
		for _, name := range out.TableNames {
			if strings.HasPrefix(name, stack+"-"+deployment.Registry) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		if in.ExclusiveStartTableName = out.LastEvaluatedTableName; in.ExclusiveStartTableName == nil {
			break
		}
	}
	for _, name := range names {
		found, err := a.leftover(ctx, name)
		if err != nil {
			return nil, err
		}
		if found != nil {
			all = append(all, *found)
		}
	}
	slices.SortFunc(all, func(x, y leftover) int {
		return cmp.Or(aws.ToTime(y.table.CreationDateTime).Compare(aws.ToTime(x.table.CreationDateTime)), strings.Compare(x.name, y.name))
	})
	return all, nil
}

// leftover describes a table with its key and what it holds; nil, where there is none.
func (a Account) leftover(ctx context.Context, name string) (*leftover, error) {
	table, err := a.table(ctx, name)
	if err != nil || table == nil || table.TableStatus == dynamodbtypes.TableStatusDeleting {
		return nil, err
	}
	found := &leftover{name: name, table: table}
	if table.SSEDescription != nil && table.SSEDescription.KMSMasterKeyArn != nil {
		if found.key, err = a.key(ctx, *table.SSEDescription.KMSMasterKeyArn); err != nil {
			return nil, err
		}
		if k := found.key; k != nil && k.KeyState == kmstypes.KeyStatePendingDeletion {
			return nil, fmt.Errorf("the table %s of an earlier installation cannot be read, because its key is to be deleted on %s. To keep it: "+
				"aws kms cancel-key-deletion --key-id %[3]s && aws kms enable-key --key-id %[3]s. To give it up: "+
				"aws dynamodb update-table --no-deletion-protection-enabled --table-name %[1]s && aws dynamodb delete-table --table-name %[1]s",
				name, aws.ToTime(k.DeletionDate).UTC().Format("2006-01-02"), aws.ToString(k.KeyId))
		}
	}
	if found.exposures, err = a.Registry(name).All(ctx); err != nil {
		return nil, fmt.Errorf("read registry %s of an earlier installation: %w", name, err)
	}
	return found, nil
}

// key describes a key; nil, where there is none.
func (a Account) key(ctx context.Context, id string) (*kmstypes.KeyMetadata, error) {
	out, err := a.Keys.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &id})
	if _, missing := errors.AsType[*kmstypes.NotFoundException](err); missing {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("describe key %s: %w", id, err)
	}
	return out.KeyMetadata, nil
}

// ours says whether a stack of this name has made a key, and nobody has taken it away. One that a deployer gave has a
// description of its own.
func ours(key *kmstypes.KeyMetadata, stack string) bool {
	return key != nil && aws.ToString(key.Description) == deployment.Key(stack) && key.KeyState != kmstypes.KeyStatePendingDeletion
}
