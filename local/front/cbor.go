package front

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/aws/smithy-go/encoding/cbor"

	"github.com/rdslink/rdslink/local/wire"
)

// fromCBOR is a request's body as JSON would have it.
func fromCBOR(v cbor.Value) any {
	switch v := v.(type) {
	case cbor.Map:
		m := map[string]any{}
		for name, value := range v {
			m[name] = fromCBOR(value)
		}
		return m
	case cbor.List:
		list := make([]any, len(v))
		for i, value := range v {
			list[i] = fromCBOR(value)
		}
		return list
	case *cbor.Tag: // a timestamp, in seconds
		return fromCBOR(v.Value)
	case cbor.String:
		return string(v)
	case cbor.Bool:
		return bool(v)
	case cbor.Uint:
		return uint64(v)
	case cbor.NegInt:
		return -float64(v)
	case cbor.Float32:
		return float64(v)
	case cbor.Float64:
		return float64(v)
	}
	return nil
}

// epoch is the tag of a timestamp.
const epoch = 1

// toCBOR is the reverse. Timestamps are numbers in JSON, and go by their names.
func toCBOR(name string, v any) cbor.Value {
	switch v := v.(type) {
	case map[string]any:
		m := cbor.Map{}
		for kid, value := range v {
			m[kid] = toCBOR(kid, value)
		}
		return m
	case []any:
		list := make(cbor.List, len(v))
		for i, value := range v {
			list[i] = toCBOR(name, value)
		}
		return list
	case string:
		return cbor.String(v)
	case bool:
		return cbor.Bool(v)
	case float64:
		if name == "Timestamp" || name == "Timestamps" {
			return &cbor.Tag{ID: epoch, Value: cbor.Float64(v)}
		}
		return cbor.Float64(v)
	}
	return &cbor.Nil{}
}

// asJSON has a call in CBOR served by who speaks JSON: MiniStack reads and writes CBOR with a library that it comes without.
func asJSON(w http.ResponseWriter, r *http.Request, a asked, serve http.HandlerFunc) {
	body, err := json.Marshal(a.Parameters)
	if err != nil {
		a.service.Refuse(w, a.ID, err)
		return
	}
	r = r.Clone(r.Context())
	r.URL.Path = "/"
	r.Header.Del("Smithy-Protocol")
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "GraniteServiceVersion20100801."+a.Action)
	restore(r, body)
	answer := capture(serve, r)
	var out map[string]any
	if err := json.NewDecoder(bytes.NewReader(answer.body.Bytes())).Decode(&out); err != nil && answer.body.Len() > 0 {
		a.service.Refuse(w, a.ID, err)
		return
	}
	if !answer.ok() {
		message, _ := out["message"].(string)
		a.service.Refuse(w, a.ID, &wire.Error{Code: answer.code(), Message: message, Status: answer.status})
		return
	}
	a.service.WriteCBOR(w, a.ID, http.StatusOK, toCBOR("", out))
}
