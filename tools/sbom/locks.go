package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
	"strings"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

// tool is a component that builds or tests, and does not get to AWS.
func tool(purl, name, version string) cyclonedx.Component {
	return cyclonedx.Component{BOMRef: purl, Type: cyclonedx.ComponentTypeLibrary, Name: name, Version: version, PackageURL: purl,
		Scope: cyclonedx.ScopeExcluded}
}

// addNPM reads npm's lock file, version 3.
func (i inventory) addNPM(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var lock struct {
		Packages map[string]struct{ Version, Integrity string }
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	for folder, locked := range lock.Packages {
		if folder == "" {
			continue // the tools themselves
		}
		parts := strings.Split(folder, "node_modules/")
		module := parts[len(parts)-1]
		sum, isSHA512 := strings.CutPrefix(locked.Integrity, "sha512-")
		hash, err := base64.StdEncoding.DecodeString(sum)
		if err != nil || !isSHA512 {
			return fmt.Errorf("read %s: %s has the integrity %q", name, module, locked.Integrity)
		}
		c := tool("pkg:npm/"+strings.Replace(module, "@", "%40", 1)+"@"+locked.Version, module, locked.Version)
		c.Hashes = &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA512, Value: hex.EncodeToString(hash)}}
		i.add(c)
	}
	return nil
}

// addGo reads go.sum: every module that builds or tests something. What a function is made of is listed as that.
func (i inventory) addGo(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return fmt.Errorf("read %s: line %q", name, line)
		}
		if strings.HasSuffix(fields[1], "/go.mod") {
			continue
		}
		c, err := moduleComponent(&debug.Module{Path: fields[0], Version: fields[1], Sum: fields[2]})
		if err != nil {
			return err
		}
		if c.Scope = cyclonedx.ScopeExcluded; i.components[c.BOMRef].Scope != cyclonedx.ScopeRequired {
			i.add(c)
		}
	}
	return nil
}

var (
	requirement = regexp.MustCompile(`(?m)^([A-Za-z0-9._-]+)==(\S+)((?: \\\n +--hash=sha256:[0-9a-f]{64})+)`)
	pinned      = regexp.MustCompile(`(?m)^[A-Za-z0-9._-]+\b.*==`)
	pythonHash  = regexp.MustCompile(`sha256:([0-9a-f]{64})`)
)

// addPython reads pip-compile's requirements. Each has a hash for every file that pip may choose from.
func (i inventory) addPython(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	found := requirement.FindAllStringSubmatch(string(text), -1)
	if lines := len(pinned.FindAll(text, -1)); lines == 0 || lines != len(found) {
		return fmt.Errorf("read %s: %d of %d requirements have a version and hashes", name, len(found), lines)
	}
	for _, r := range found {
		module, version := r[1], r[2]
		var hashes []cyclonedx.Hash
		for _, hash := range pythonHash.FindAllStringSubmatch(r[3], -1) {
			hashes = append(hashes, cyclonedx.Hash{Algorithm: cyclonedx.HashAlgoSHA256, Value: hash[1]})
		}
		c := tool("pkg:pypi/"+strings.ToLower(module)+"@"+version, module, version)
		c.ExternalReferences = &[]cyclonedx.ExternalReference{{Type: cyclonedx.ERTypeDistribution, URL: "https://pypi.org/project/" + module + "/" + version + "/", Hashes: &hashes}}
		i.add(c)
	}
	return nil
}
