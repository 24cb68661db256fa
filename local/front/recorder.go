package front

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
)

// recorder remembers how a call was answered.
type recorder struct {
	http.ResponseWriter
	status  int
	refusal bytes.Buffer
}

// refusalSize is as much of an error's body as is searched for its code.
const refusalSize = 4096

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	if r.status >= http.StatusBadRequest && r.refusal.Len() < refusalSize {
		r.refusal.Write(b)
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap gives http.ResponseController what is beneath.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// hangUp closes the caller's connection without an answer.
func (r *recorder) hangUp() { panic(http.ErrAbortHandler) }

var codes = []*regexp.Regexp{
	regexp.MustCompile(`<Code>([^<]+)</Code>`),
	regexp.MustCompile(`"(?:__type|code)":\s*"(?:[^"#]*#)?([^"]+)"`),
}

// code is the error's code, as the service's protocol has it.
func (r *recorder) code() string {
	if r.status < http.StatusBadRequest {
		return ""
	}
	if code, _, _ := strings.Cut(r.Header().Get("X-Amzn-ErrorType"), ":"); code != "" {
		return code
	}
	for _, c := range codes {
		if m := c.FindSubmatch(r.refusal.Bytes()); m != nil {
			return string(m[1])
		}
	}
	return http.StatusText(r.status)
}
