package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/rdslink/rdslink/local/permissions"
	"github.com/rdslink/rdslink/test/stage"
)

// prove prints what the end-to-end tests have shown of the roles' permissions, and fails if it is not as it must be.
func prove([]string) error {
	root, err := stage.Root()
	if err != nil {
		return err
	}
	record, err := permissions.Read(filepath.Join(root, permissions.File))
	if err != nil {
		return fmt.Errorf("%w: the end-to-end tests write it when they pass", err)
	}
	if err := permissions.Print(os.Stdout, record, permissions.Known); err != nil {
		return err
	}
	if err := permissions.Prove(record, permissions.Known); err != nil {
		return err
	}
	fmt.Println("\nNothing is missing, nothing is unused without a reason, and every change is noticed.")
	return nil
}
