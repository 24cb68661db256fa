package main

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/vendor"
)

// Whoever looks at the presets need not have an account yet.
func TestVendorsNeedNoCredentials(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"} {
		t.Setenv(name, "")
	}
	for output, wants := range map[string][]string{
		"text": {"pushmetrics (PushMetrics)\n", "  who connects   arn:aws:iam::133737826969:root\n", "  zones          2 or more\n", "  connects from  eu-central-1\n", "  source         "},
		"json": {`"vendor": "pushmetrics"`, `"arn:aws:iam::133737826969:root"`, `"checked": "20`},
	} {
		var out bytes.Buffer
		if code := newTool("rdslink", nil, &out, io.Discard).run(t.Context(), []string{"vendors", "--output", output}); code != exitDone {
			t.Fatalf("%s: exit code %d", output, code)
		}
		for _, want := range slices.Concat(wants, vendor.IDs()) {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: %q is missing in\n%s", output, want, out.String())
			}
		}
		if strings.Contains(out.String(), "null") {
			t.Errorf("%s has null in\n%s", output, out.String())
		}
	}
}
