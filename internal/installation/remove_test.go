package installation

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/rdslink/rdslink/internal/deployment"
)

func TestRemove(t *testing.T) {
	lived := func(status types.StackStatus, exposures ...string) fake {
		return fake{status: status, protected: true, answer: true, parts: []part{key, table, role}, kept: []part{key, table, role},
			after: types.StackStatusDeleteComplete, tables: registryWith(exposures...), keys: ourKey()}
	}
	with := func(f fake, change func(*fake)) fake { change(&f); return f }
	all := []string{"protect stack: false", "delete stack", "protect table rdslink-Registry1-A: false", "delete table rdslink-Registry1-A", "delete key k1 in 30 days"}

	for name, row := range map[string]struct {
		fake  fake
		want  []string
		said  []string
		asked int
		err   string
	}{
		"after the last exposure": {fake: lived(types.StackStatusUpdateComplete), want: all, asked: 1,
			said: []string{"is in UPDATE_COMPLETE, and has no exposure", "cancel-key-deletion --key-id k1", "left: AWS::IAM::Role rdslink-ResolverRole-A"}},
		"before that": {fake: lived(types.StackStatusUpdateComplete, "orders-x-1", "orders-y-2"),
			err: "Remove them first (rdslink remove, docs/removing.md):\n  orders-x-1 in rdslink-Registry1-A\n  orders-y-2"},
		"nobody wants it":  {fake: with(lived(types.StackStatusUpdateComplete), func(f *fake) { f.answer = false }), asked: 1, err: "nothing was deleted"},
		"nobody is there":  {fake: with(lived(types.StackStatusUpdateComplete), func(f *fake) { f.absent = true }), asked: 1, err: "set YES=1"},
		"while it changes": {fake: lived(types.StackStatusUpdateInProgress), err: "wait until that is over"},
		"with resolvers": {fake: with(lived(types.StackStatusUpdateComplete), func(f *fake) { f.tables[table.id].vpcs = []string{vpc} }),
			want: append([]string{"delete function rdslink-resolver-vpc-1"}, all...), asked: 1, said: []string{"aws ec2 delete-security-group --group-id sg-of-vpc-1"}},
		"with somebody else's resolver": {fake: with(lived(types.StackStatusUpdateComplete), func(f *fake) { f.tables[table.id].vpcs, f.foreign = []string{vpc}, true }),
			asked: 1, err: "does not carry our tags"},
		"with a key of the deployer's": {fake: with(lived(types.StackStatusUpdateComplete), func(f *fake) { f.keys[key.id].description = "everything" }), want: all[:4], asked: 1},
		"refused after all": {fake: with(lived(types.StackStatusUpdateComplete), func(f *fake) { f.after = types.StackStatusDeleteFailed }),
			want: all[:2], asked: 1, err: "delete stack rdslink: it is in DELETE_FAILED: Guard: the registry holds 1 exposure(s)"},
		"once more": {fake: with(lived(types.StackStatusDeleteFailed), func(f *fake) { f.protected = false }), want: all[1:], asked: 1},
		"what never worked": {fake: fake{status: types.StackStatusRollbackComplete, protected: true, answer: true, skipped: []part{key, table}, after: types.StackStatusDeleteComplete,
			tables: registryWith(), keys: ourKey()}, want: all, asked: 1},
		"what is left of it": {fake: fake{answer: true, tables: registryWith(), keys: ourKey()}, want: all[2:], asked: 1,
			said: []string{"does not exist", "the registry rdslink-Registry1-A is empty"}},
		"what is left of it is not empty": {fake: fake{answer: true, tables: registryWith("a"), keys: ourKey()}, err: "a in rdslink-Registry1-A"},
		"nothing":                         {said: []string{"does not exist, and has left no registry"}},
		"a registry that has lost its key": {fake: fake{answer: true, tables: registryWith(), keys: map[string]*fakeKey{key.id: {deployment.Key(name), kmstypes.KeyStatePendingDeletion}}},
			err: "To give it up: aws dynamodb update-table"},
	} {
		t.Run(name, func(t *testing.T) {
			f := row.fake
			err := f.account().Remove(t.Context(), deployment.Unnamed)
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

// An execution may claim an exposure between the look and the end.
func TestARegistryThatWasUsedMeanwhileIsNotDeleted(t *testing.T) {
	f := fake{status: types.StackStatusUpdateComplete, answer: true, parts: []part{table}, kept: []part{table}, after: types.StackStatusDeleteComplete,
		tables: registryWith(), keys: ourKey()}
	account := f.account()
	account.Ask = func(string) (bool, error) {
		f.tables[table.id].exposures = []string{"late"}
		return true, nil
	}
	err := account.Remove(t.Context(), deployment.Unnamed)
	if err == nil || !strings.Contains(err.Error(), "late in "+table.id) || slices.Contains(f.mutations, "delete table "+table.id) {
		t.Errorf("error %v, did %q", err, f.mutations)
	}
}
