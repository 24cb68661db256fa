package metric

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rdslink/rdslink/internal/deployment"
)

func TestALineIsAValue(t *testing.T) {
	var line bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&line, nil))
	log.Info("synced", "exposure", "orders", SyncAge.Value(deployment.Unnamed, 120, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)))
	const want = `"msg":"synced","exposure":"orders","SyncAge":120,"_aws":{"CloudWatchMetrics":[` +
		`{"Dimensions":[[]],"Metrics":[{"Name":"SyncAge","Unit":"Seconds"}],"Namespace":"rdslink"}],"Timestamp":1772366400000}}`
	if got := strings.TrimSpace(line.String()); !strings.HasSuffix(got, want) {
		t.Errorf("got %s, want the end %s", got, want)
	}
}
