// Command sbom lists, as a CycloneDX document, what rdslink is made of: the Go modules in each function, read from the
// binaries themselves, and the pinned tools that build and test, read from their lock files. The same source gives the same
// document: it has neither a serial number nor a time.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: sbom FILE, in the checkout, when the functions are built")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func write(name string) error {
	bom, err := list(".")
	if err != nil {
		return err
	}
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := cyclonedx.NewBOMEncoder(file, cyclonedx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom,
		cyclonedx.SpecVersion1_6); err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	return file.Close()
}

// list describes the checkout in a folder.
func list(root string) (*cyclonedx.BOM, error) {
	found := inventory{components: map[string]cyclonedx.Component{}, uses: map[string][]string{}}
	if err := found.addFunctions(root + "/build/functions"); err != nil {
		return nil, err
	}
	for _, folder := range []string{root, root + "/local"} {
		if err := found.addNPM(folder + "/tools/package-lock.json"); err != nil {
			return nil, err
		}
		requirements, err := filepath.Glob(folder + "/tools/*.txt")
		if err != nil {
			return nil, fmt.Errorf("find requirements: %w", err)
		}
		for _, name := range requirements {
			if err := found.addPython(name); err != nil {
				return nil, err
			}
		}
		if err := found.addGo(folder + "/go.sum"); err != nil {
			return nil, err
		}
	}
	return found.bom(), nil
}

// inventory is what was found, by reference.
type inventory struct {
	components map[string]cyclonedx.Component
	uses       map[string][]string // what each function is made of
}

func (i inventory) add(c cyclonedx.Component) { i.components[c.BOMRef] = c }

func (i inventory) bom() *cyclonedx.BOM {
	bom := cyclonedx.NewBOM()
	bom.SerialNumber = ""
	bom.Metadata = &cyclonedx.Metadata{Component: &cyclonedx.Component{BOMRef: "rdslink",
		Type: cyclonedx.ComponentTypeApplication, Name: "rdslink"}}
	var components []cyclonedx.Component
	for _, c := range i.components {
		components = append(components, c)
	}
	slices.SortFunc(components, func(a, b cyclonedx.Component) int { return strings.Compare(a.BOMRef, b.BOMRef) })
	bom.Components = &components
	var uses []cyclonedx.Dependency
	for ref, modules := range i.uses {
		slices.Sort(modules)
		uses = append(uses, cyclonedx.Dependency{Ref: ref, Dependencies: &modules})
	}
	slices.SortFunc(uses, func(a, b cyclonedx.Dependency) int { return strings.Compare(a.Ref, b.Ref) })
	bom.Dependencies = &uses
	return bom
}
