// Package preflight looks, before a deployment, at what the deployer brought: roles, a key, a permissions boundary. The app
// is synthesized without a call to AWS, and CloudFormation would stumble over them one by one.
package preflight

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// File is where the app says what the deployer gave, beside the template.
const File = "rdslink.given.json"

// Given is what a deployment takes from the account as it is.
type Given struct {
	PermissionsBoundary string `json:"permissionsBoundary,omitempty"`
	Key                 string `json:"key,omitempty"`
	Roles               []Role `json:"roles,omitempty"`
}

// Nothing says whether nothing was given.
func (g Given) Nothing() bool { return g.PermissionsBoundary == "" && g.Key == "" && len(g.Roles) == 0 }

// Role is an existing role, the name it was given under, and the service that has to assume it.
type Role struct {
	Name    string `json:"name"`
	ARN     string `json:"arn"`
	Service string `json:"service"`
}

// Write writes g to a file.
func (g Given) Write(name string) error {
	text, err := json.MarshalIndent(g, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}

// Read reads what Write wrote. No file means that nothing was given.
func Read(name string) (Given, error) {
	var g Given
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return g, nil
	}
	if err != nil {
		return g, err
	}
	if err := json.Unmarshal(text, &g); err != nil {
		return g, fmt.Errorf("decode %s: %w", name, err)
	}
	return g, nil
}
