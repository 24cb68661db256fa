package main

import (
	"strings"
	"testing"
)

// Whoever looks whether AWS is as it was assumed to be changes nothing, and sees no task token: the registry is not read.
func TestConfirmersReadAndChangeNothing(t *testing.T) {
	read := 0
	for _, s := range peoplesPolicy(t, "confirmer") {
		for _, action := range actions(s) {
			read++
			service, verb, _ := strings.Cut(action, ":")
			if service == "dynamodb" || isChange(action) && !strings.HasPrefix(verb, "Filter") {
				t.Errorf("confirmers may %s", action)
			}
		}
	}
	if read < 20 {
		t.Errorf("confirmers may do %d things", read)
	}
}
