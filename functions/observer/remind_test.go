package main

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/rdslink/rdslink/internal/registry"
)

func TestRemind(t *testing.T) {
	told, sync := "tell rdslink: still waiting: orders", `invoke ip-sync Event {"exposures":["orders"]}`
	for name, row := range map[string]struct {
		waited   time.Duration
		reminded int
		status   types.ExecutionStatus // RUNNING by default
		want     []string
	}{
		"not before a day":                     {waited: day - time.Minute, want: []string{sync}},
		"after a day":                          {waited: day, want: []string{told, "reminded of day 1", sync}},
		"once":                                 {waited: 2 * day, reminded: 1, want: []string{sync}},
		"after three days":                     {waited: 3*day + time.Hour, reminded: 1, want: []string{told, "reminded of day 3", sync}},
		"after a week":                         {waited: 7 * day, reminded: 3, want: []string{told, "reminded of day 7", sync}},
		"not in between":                       {waited: 13 * day, reminded: 7, want: []string{sync}},
		"every week":                           {waited: 22 * day, reminded: 14, want: []string{told, "reminded of day 21", sync}},
		"one for all that were missed":         {waited: 8 * day, want: []string{told, "reminded of day 7", sync}},
		"a stopped execution waits for nobody": {waited: day, status: types.ExecutionStatusAborted, want: []string{"clear token of orders", sync}},
		"an execution is asked about only if due": {waited: 2 * day, reminded: 1, status: types.ExecutionStatusAborted, want: []string{sync}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.expose("orders", "vpce-svc-1")
			w.exposures[0].Token = &registry.Token{Value: "token", Since: noon.Add(-row.waited), Deadline: noon.Add(day), Reminded: row.reminded}
			if row.status != "" {
				w.status = row.status
			}
			if err := w.observer().handle(t.Context(), Input{Sweep: "awaited"}); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(w.mutations, row.want) {
				t.Errorf("did %q, want %q", w.mutations, row.want)
			}
		})
	}
}
