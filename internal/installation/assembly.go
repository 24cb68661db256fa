package installation

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// OptionsKey is where a template's metadata hold the options that it was made with, by their names.
const OptionsKey = "rdslink"

// Assembly is what is about to be deployed, as the CDK app has written it.
type Assembly struct {
	Stack         string // its name
	DeployRole    string // that cdk works as, if the account lets it
	ExecutionRole string // that CloudFormation works as
	Template      Template
}

// Template is what matters here of CloudFormation's.
type Template struct {
	Metadata  map[string]json.RawMessage `json:",omitempty"`
	Resources map[string]Resource
}

// Resource is one of a template.
type Resource struct {
	Type                string
	DeletionPolicy      string         `json:",omitempty"`
	UpdateReplacePolicy string         `json:",omitempty"`
	Properties          map[string]any `json:",omitempty"`
}

// ReadAssembly reads the one stack of a folder that cdk has filled. at is the place that the roles' ARNs leave open.
func ReadAssembly(folder string, at Place) (Assembly, error) {
	var manifest struct {
		Artifacts map[string]struct {
			Type       string
			Properties struct {
				TemplateFile, StackName, AssumeRoleARN, CloudFormationExecutionRoleARN string
			}
		}
	}
	if err := readJSON(filepath.Join(folder, "manifest.json"), &manifest); err != nil {
		return Assembly{}, err
	}
	for name, artifact := range manifest.Artifacts {
		if artifact.Type != "aws:cloudformation:stack" {
			continue
		}
		p := artifact.Properties
		of := Assembly{Stack: p.StackName, DeployRole: at.fill(p.AssumeRoleARN), ExecutionRole: at.fill(p.CloudFormationExecutionRoleARN)}
		if of.Stack == "" {
			of.Stack = name
		}
		return of, readJSON(filepath.Join(folder, p.TemplateFile), &of.Template)
	}
	return Assembly{}, errors.New("read " + folder + ": it holds no stack")
}

func readJSON(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("decode %s: %w", file, err)
	}
	return nil
}

// Place is where an installation is.
type Place struct{ Partition, Account, Region string }

func (p Place) fill(arn string) string {
	return strings.NewReplacer("${AWS::Partition}", p.Partition, "${AWS::AccountId}", p.Account, "${AWS::Region}", p.Region).Replace(arn)
}

// options are what the template was made with; known is false where it does not say.
func (t Template) options() (options map[string]any, known bool, err error) {
	text, known := t.Metadata[OptionsKey]
	if !known {
		return nil, false, nil
	}
	if err := json.Unmarshal(text, &options); err != nil {
		return nil, false, fmt.Errorf("decode options of the template: %w", err)
	}
	return options, true, nil
}

// only is the logical id of the one resource of a type; empty, where there is none.
func (t Template) only(kind string) string {
	for id, resource := range t.Resources {
		if resource.Type == kind {
			return id
		}
	}
	return ""
}

// changes says which of the deployed options would be lost or changed.
func changes(deployed, next map[string]any) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(deployed)) {
		was, is := encode(deployed[name]), encode(next[name])
		switch _, given := next[name]; {
		case !given:
			all = append(all, fmt.Sprintf("the option %s would be lost: it is %s", name, was))
		case was != is:
			all = append(all, fmt.Sprintf("the option %s would change from %s to %s", name, was, is))
		}
	}
	return all
}

func encode(value any) string {
	text, _ := json.Marshal(value) // it was JSON
	return string(text)
}
