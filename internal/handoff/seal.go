package handoff

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

// Version is that of a document's fields. It rises when one of them is added, goes, or means something else: who deploys
// from a document reads its own version and no other.
const Version = 1

const again = "print it again with rdslink handoff EXPOSURE --output json"

// Read reads a document as rdslink prints it, spaces aside. An error says that it is none, of another version, or not as it
// was printed.
func Read(text []byte) (Document, error) {
	var of struct{ Version *int }
	if err := json.Unmarshal(text, &of); err != nil {
		return Document{}, fmt.Errorf("it is not a hand-off in JSON (%w): %s", err, again)
	}
	switch {
	case of.Version == nil:
		return Document{}, fmt.Errorf("it has no version, so it is not a hand-off, or an earlier rdslink's: %s", again)
	case *of.Version != Version:
		return Document{}, fmt.Errorf("it is of version %d, and this rdslink reads version %d: take the same rdslink on both sides, and %s",
			*of.Version, Version, again)
	}
	var d Document
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return Document{}, fmt.Errorf("it was edited (%w): %s", err, again)
	}
	if d.Digest != d.digest() {
		return Document{}, fmt.Errorf("it was edited: its digest is that of another document: %s", again)
	}
	return d, nil
}

// sealed is the document with its digest, which notices whoever edits it by mistake: it is no signature.
func (d Document) sealed() Document {
	d.Digest = d.digest()
	return d
}

// digest is of the fields and not of the text, which may be indented in another way.
func (d Document) digest() string {
	d.Digest = ""
	text, _ := json.Marshal(d) // texts, numbers and lists of them
	return fmt.Sprintf("sha256:%x", sha256.Sum256(text))
}
