package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

// addFunctions reads which modules each function's binary says that it was built from.
func (i inventory) addFunctions(folder string) error {
	binaries, err := filepath.Glob(folder + "/*/bootstrap")
	if err != nil {
		return err
	}
	if len(binaries) == 0 {
		return fmt.Errorf("no functions in %s: `make functions` builds them", folder)
	}
	for _, binary := range binaries {
		if err := i.addFunction(binary); err != nil {
			return fmt.Errorf("read %s: %w", binary, err)
		}
	}
	return nil
}

func (i inventory) addFunction(binary string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	code, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(code)
	function := filepath.Base(filepath.Dir(binary))
	i.add(cyclonedx.Component{
		BOMRef: function, Type: cyclonedx.ComponentTypeApplication, Name: function,
		Hashes: &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
	})
	modules := append([]*debug.Module{{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go")}}, info.Deps...)
	for _, module := range modules {
		c, err := moduleComponent(module)
		if err != nil {
			return err
		}
		i.add(c)
		i.uses[function] = append(i.uses[function], c.BOMRef)
	}
	return nil
}

// moduleComponent is the module that was really built: a replacement stands for what it replaces.
func moduleComponent(module *debug.Module) (cyclonedx.Component, error) {
	if module.Replace != nil {
		module = module.Replace
	}
	purl := "pkg:golang/" + module.Path + "@" + module.Version
	c := cyclonedx.Component{BOMRef: purl, Type: cyclonedx.ComponentTypeLibrary, Name: module.Path, Version: module.Version, PackageURL: purl,
		Scope: cyclonedx.ScopeRequired}
	if module.Sum != "" {
		// go.sum's h1 is a SHA-256 of the hashes of the module's files: https://go.dev/ref/mod#go-sum-files
		sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(module.Sum, "h1:"))
		if err != nil {
			return c, fmt.Errorf("read the sum of %s: %w", module.Path, err)
		}
		c.Hashes = &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}}
	}
	return c, nil
}
