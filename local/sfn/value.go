package sfn

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// maxBytes is the limit of inputs, outputs and payloads.
const maxBytes = 262144

// decode reads one JSON document; numbers keep their spelling.
func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text follows the JSON document")
	}
	return v, nil
}

// encode writes v as JSON. v comes from decode or is made of its types, so it cannot fail.
func encode(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

func ptr[T any](v T) *T { return &v }
