package front

import (
	"bytes"
	"net/http"
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

func (c *captured) Header() http.Header         { return c.header }
func (c *captured) Write(b []byte) (int, error) { return c.body.Write(b) }
func (c *captured) WriteHeader(status int)      { c.status = status }

func (c *captured) ok() bool { return c.status < http.StatusMultipleChoices }

func (c *captured) send(w http.ResponseWriter) {
	for name, values := range c.header {
		w.Header()[name] = values
	}
	w.Header().Del("Content-Length") // the body may have changed
	w.WriteHeader(max(c.status, http.StatusOK))
	_, _ = w.Write(c.body.Bytes())
}
