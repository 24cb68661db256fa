package front

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/rdslink/rdslink/local/wire"
)

// refuseForeignSources answers PutEvents for entries that claim to come from an AWS service, which only that service may put
// on a bus: docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html. A 200 is not success: each entry has its
// error. A batch in which others come with them is not modelled.
func refuseForeignSources(w http.ResponseWriter, a asked) bool {
	if a.Service != "events" || a.Action != "PutEvents" {
		return false
	}
	entries, _ := a.Parameters["Entries"].([]any)
	refused := []any{}
	for _, item := range entries {
		entry, _ := item.(map[string]any)
		if source, _ := entry["Source"].(string); strings.HasPrefix(source, "aws.") {
			refused = append(refused, map[string]string{
				"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Not authorized for the source.",
			})
		}
	}
	switch len(refused) {
	case 0:
		return false
	case len(entries):
	default:
		a.service.Refuse(w, a.ID, &wire.Error{Code: "NotImplemented", Message: "local cloud: entries of AWS's services and others in one batch",
			Status: http.StatusNotImplemented})
		return true
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(map[string]any{"FailedEntryCount": len(refused), "Entries": refused}) // the caller may be gone
	return true
}
