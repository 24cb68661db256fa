package main

import (
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (t *tool) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print which rdslink this is",
		Args:  takes(),
		RunE: func(*cobra.Command, []string) error {
			built := struct {
				Version string `json:"version"`
				Go      string `json:"go"`
			}{Version: "unknown"}
			if info, ok := debug.ReadBuildInfo(); ok {
				built.Version, built.Go = info.Main.Version, info.GoVersion
			}
			return t.print(built, func(out io.Writer) { fmt.Fprintf(out, "rdslink %s, built with %s\n", built.Version, built.Go) })
		},
	}
}
