package main

import (
	"compress/flate"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*function)
		want   string
	}{
		"at the limits":           {func(*function) {}, ""},
		"a zip too big":           {func(f *function) { f.zip = 6.01 }, "over the limit: 01-look: zip of 6.01 MB"},
		"slow most of the time":   {func(f *function) { f.starts = durations{21e6, 21e6, 1e6} }, "over the limit: 01-look: start of 21.0 ms"},
		"slow once":               {func(f *function) { f.starts = durations{90e6, 1e6, 1e6} }, ""},
		"memory at the start":     {func(f *function) { f.begun = 41 }, "over the limit: 01-look: memory of 41.0 MB"},
		"memory after it served":  {func(f *function) { f.served = 40.5 }, "over the limit: 01-look: memory of 40.5 MB"},
		"more than one thing off": {func(f *function) { f.zip, f.served = 7, 50 }, "over the limit: 01-look: zip of 7.00 MB, memory of 50.0 MB"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &function{folder: "01-look", zip: 6, starts: durations{20 * time.Millisecond}, begun: 40, served: 40}
			row.change(f)
			got := ""
			if err := (&bench{functions: []*function{f}}).judge(); err != nil {
				got = err.Error()
			}
			if got != row.want {
				t.Errorf("judged %q, want %q", got, row.want)
			}
		})
	}
}

// A function grows by what its code lets the linker drop no more, which no other test sees.
func TestTheZipsAreWithinTheLimit(t *testing.T) {
	binaries, err := filepath.Glob("../../build/functions/*/bootstrap")
	if err != nil || len(binaries) == 0 {
		t.Fatalf("no function is built: %v; make functions", err)
	}
	for _, binary := range binaries {
		t.Run(filepath.Base(filepath.Dir(binary)), func(t *testing.T) {
			t.Parallel()
			file, err := os.Open(binary)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			var zipped counter
			compressor, err := flate.NewWriter(&zipped, flate.DefaultCompression)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(compressor, file); err != nil {
				t.Fatal(err)
			}
			if err := compressor.Close(); err != nil {
				t.Fatal(err)
			}
			if megabytes := float64(zipped) / 1e6; megabytes > zipLimit {
				t.Errorf("%.2f MB, at most %g", megabytes, zipLimit)
			}
		})
	}
}

// counter counts what is written to it.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func TestTheLimitsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/cost.md")
	if err != nil {
		t.Fatal(err)
	}
	for row, limit := range map[string]string{
		"zip of a function":                    fmt.Sprintf("%g MB", zipLimit),
		"start of a function":                  fmt.Sprintf("%d ms", startLimit.Milliseconds()),
		"memory of a function that has served": fmt.Sprintf("%g MB", memoryLimit),
	} {
		if !regexp.MustCompile(`(?m)^\| ` + row + ` \| .* \| ` + limit + ` \|$`).Match(page) {
			t.Errorf("docs/cost.md does not limit the %s to %s", row, limit)
		}
	}
}
