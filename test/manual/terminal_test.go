package manual

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rdslink/rdslink/test/stage"
)

// patience is far more than anything here takes.
const patience = 2 * time.Minute

// terminal is where a person of an account types.
type terminal struct {
	cloud   *stage.Cloud
	account string
}

// aws runs an aws command as one types it and returns the words that it prints.
func (s terminal) aws(t *testing.T, command string, values ...any) []string {
	t.Helper()
	words := append(strings.Fields(fmt.Sprintf(command, values...)), "--output", "text")
	out, err := s.cloud.Run(t.Context(), s.account, "build/aws/bin/aws", words...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

// until runs a command again and again until the first word that it prints is want, and returns all the words. The CLI's own
// waiters would do, but they ask every 15 seconds.
func (s terminal) until(t *testing.T, want, command string, values ...any) []string {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		said := s.aws(t, command, values...)
		if len(said) > 0 && said[0] == want {
			return said
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: still %s, want %s", command, said, want)
		}
	}
}

// nslookup resolves a name on a machine in one of the account's subnets.
func (s terminal) nslookup(t *testing.T, subnet, name string) string {
	t.Helper()
	addresses, err := s.cloud.Lookup(t.Context(), stage.Place{Account: s.account, Subnet: subnet}, name)
	if err != nil {
		t.Fatal(err)
	}
	if len(addresses) != 1 {
		t.Fatalf("%s has the addresses %s", name, addresses)
	}
	return addresses[0].String()
}
