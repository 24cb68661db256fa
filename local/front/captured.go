package front

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// captured is an answer that is not sent yet, or never.
type captured struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func capture(serve http.HandlerFunc, r *http.Request) *captured {
	c := &captured{header: http.Header{}}
	serve(c, r)
	return c
}

func (c *captured) Header() http.Header    { return c.header }
func (c *captured) WriteHeader(status int) { c.status = status }

func (c *captured) Write(b []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	return c.body.Write(b)
}

func (c *captured) ok() bool { return c.status < http.StatusMultipleChoices }

// change has change alter an answer that is a JSON object, and no error.
func (c *captured) change(change func(all map[string]any)) {
	var all map[string]any
	if !c.ok() || json.Unmarshal(c.body.Bytes(), &all) != nil {
		return
	}
	change(all)
	text, _ := json.Marshal(all) // it was JSON before
	c.body.Reset()
	c.body.Write(text)
}

func (c *captured) send(w http.ResponseWriter) {
	for name, values := range c.header {
		w.Header()[name] = values
	}
	if c.body.Len() > 0 { // the body may have changed; an answer to HEAD has none, and says how long it would be
		w.Header().Set("Content-Length", strconv.Itoa(c.body.Len()))
	}
	w.WriteHeader(max(c.status, http.StatusOK))
	_, _ = w.Write(c.body.Bytes())
}

var codes = []*regexp.Regexp{
	regexp.MustCompile(`<Code>([^<]+)</Code>`),
	regexp.MustCompile(`"(?:__type|code)":\s*"(?:[^"#]*#)?([^"]+)"`),
}

// code is the error's code, as the service's protocol has it.
func (c *captured) code() string {
	if c.status < http.StatusBadRequest {
		return ""
	}
	if code, _, _ := strings.Cut(c.header.Get("X-Amzn-ErrorType"), ":"); code != "" {
		return code
	}
	for _, pattern := range codes {
		if m := pattern.FindSubmatch(c.body.Bytes()); m != nil {
			return string(m[1])
		}
	}
	return http.StatusText(c.status)
}
