package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

const root = "../.."

func listed(t *testing.T) *cyclonedx.BOM {
	t.Helper()
	bom, err := list(root)
	if err != nil {
		t.Fatal(err) // `make test` builds the functions first
	}
	return bom
}

func component(bom *cyclonedx.BOM, purl string) *cyclonedx.Component {
	i := slices.IndexFunc(*bom.Components, func(c cyclonedx.Component) bool { return c.PackageURL == purl })
	if i < 0 {
		return nil
	}
	return &(*bom.Components)[i]
}

// What a binary carries, the go command says: the list is held against that, and not against itself.
func TestEveryModuleOfEveryFunctionIsListed(t *testing.T) {
	bom := listed(t)
	binaries, err := filepath.Glob(root + "/build/functions/*/bootstrap")
	if err != nil {
		t.Fatal(err)
	}
	for _, binary := range binaries {
		out, err := exec.Command("go", "version", "-m", binary).Output()
		if err != nil {
			t.Fatalf("go version -m %s: %v", binary, err)
		}
		function, modules := filepath.Base(filepath.Dir(binary)), 0
		i := slices.IndexFunc(*bom.Dependencies, func(d cyclonedx.Dependency) bool { return d.Ref == function })
		if i < 0 {
			t.Errorf("%s is not listed", function)
			continue
		}
		for line := range strings.Lines(string(out)) {
			fields := strings.Fields(line)
			if len(fields) < 4 || fields[0] != "dep" {
				continue
			}
			modules++
			purl := "pkg:golang/" + fields[1] + "@" + fields[2]
			if c := component(bom, purl); c == nil || c.Hashes == nil {
				t.Errorf("%s carries %s, which is not listed with its hash", function, purl)
			}
			if !slices.Contains(*(*bom.Dependencies)[i].Dependencies, purl) {
				t.Errorf("%s is not listed as made of %s", function, purl)
			}
		}
		if modules == 0 {
			t.Errorf("%s carries no module", function)
		}
	}
}

func TestEveryPinnedToolIsListedWithItsHash(t *testing.T) {
	bom := listed(t)
	want := 0
	for _, file := range []string{root + "/tools/package-lock.json", root + "/local/tools/package-lock.json"} {
		lock, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want += bytes.Count(lock, []byte(`"integrity"`))
	}
	npm, pypi := 0, 0
	for _, c := range *bom.Components {
		if c.Scope != cyclonedx.ScopeExcluded {
			continue
		}
		switch {
		case strings.HasPrefix(c.PackageURL, "pkg:npm/"):
			npm++
			if c.Hashes == nil || len((*c.Hashes)[0].Value) != 128 {
				t.Errorf("%s has the hashes %v", c.PackageURL, c.Hashes)
			}
		case strings.HasPrefix(c.PackageURL, "pkg:pypi/"):
			pypi++
			if refs := *c.ExternalReferences; len(*refs[0].Hashes) == 0 {
				t.Errorf("%s has no hash", c.PackageURL)
			}
		}
	}
	if npm != want || pypi < 20 {
		t.Errorf("%d npm and %d Python packages, want %d and more than 20", npm, pypi, want)
	}
	for _, purl := range []string{"pkg:npm/aws-cdk@2.1148.1", "pkg:npm/%40embedded-postgres/linux-x64@18.4.0-beta.17", "pkg:pypi/botocore@1.43.106", "pkg:pypi/ministack@1.5.33",
		"pkg:golang/github.com/google/nftables@v0.3.0"} {
		if component(bom, purl) == nil {
			t.Errorf("%s is not listed", purl)
		}
	}
}

func TestTheSameSourceGivesTheSameDocument(t *testing.T) {
	var documents [2]bytes.Buffer
	for i := range documents {
		if err := cyclonedx.NewBOMEncoder(&documents[i], cyclonedx.BOMFileFormatJSON).Encode(listed(t)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(documents[0].Bytes(), documents[1].Bytes()) {
		t.Error("two lists of the same checkout differ")
	}
	read := new(cyclonedx.BOM)
	if err := cyclonedx.NewBOMDecoder(&documents[0], cyclonedx.BOMFileFormatJSON).Decode(read); err != nil || len(*read.Components) == 0 {
		t.Errorf("the document does not read as CycloneDX: %v", err)
	}
}

func TestARequirementWithoutAHashIsNoList(t *testing.T) {
	file := filepath.Join(t.TempDir(), "requirements.txt")
	if err := os.WriteFile(file, []byte("botocore==1.0\nh11==0.16.0 \\\n    --hash=sha256:"+strings.Repeat("a", 64)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	found := inventory{components: map[string]cyclonedx.Component{}}
	if err := found.addPython(file); err == nil || !strings.Contains(err.Error(), "1 of 2 requirements") {
		t.Errorf("error = %v", err)
	}
}
