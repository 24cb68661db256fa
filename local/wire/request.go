package wire

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Request is one call as it arrived.
type Request struct {
	Service *Service
	Action  string

	operation  *operation
	parameters *node
}

// Read finds out which operation r asks for; body is r's body. An operation that the model does not have is no error
// here: Known tells. The request is there beside an error too.
func (s *Service) Read(r *http.Request, body []byte) (*Request, error) {
	switch s.Protocol {
	case "json":
		_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		parameters, err := jsonNode(body)
		return s.request(action, parameters), err
	case "rest-json", "rest-xml":
		return s.readREST(r, body)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return s.request("", &node{}), Errorf("MalformedQueryString", "The query string contains a syntax error.")
	}
	for name, values := range r.URL.Query() {
		form[name] = values
	}
	return s.request(form.Get("Action"), formNode(form)), nil
}

func (s *Service) request(action string, parameters *node) *Request {
	return &Request{Service: s, Action: action, operation: s.Operations[action], parameters: parameters}
}

// Known says whether the model has the operation.
func (q *Request) Known() bool { return q.operation != nil }

// Decode fills in, a pointer to the SDK's input struct, and refuses what the model does not allow.
func (q *Request) Decode(in any) error {
	if q.operation.Input == nil {
		return nil
	}
	return q.Service.decode(q.parameters, *q.operation.Input, in)
}

// Parameters are the request's parameters under the names of the model: maps, lists and strings.
func (q *Request) Parameters() map[string]any {
	if q.operation == nil || q.operation.Input == nil {
		return nil
	}
	plain, _ := q.Service.plain(q.parameters, *q.operation.Input).(map[string]any)
	return plain
}

var label = regexp.MustCompile(`\{(\w+)\}`)

func (s *Service) readREST(r *http.Request, body []byte) (*Request, error) {
	for action, o := range s.Operations {
		labels, ok := o.match(r)
		if !ok {
			continue
		}
		if o.Input != nil && s.shape(*o.Input).Payload != "" {
			body = nil
		}
		read := jsonNode
		if s.Protocol == "rest-xml" {
			read = xmlNode
		}
		parameters, err := read(body)
		if err != nil {
			return s.request(action, parameters), err
		}
		for name, text := range labels {
			parameters.kids[name] = &node{text: text}
		}
		if o.Input != nil {
			s.readQueryString(parameters, r.URL.Query(), *o.Input)
		}
		return s.request(action, parameters), nil
	}
	return s.request(r.Method+" "+r.URL.Path, &node{}), nil
}

// match compares r with the operation's method and URI, and returns the values of the URI's labels.
func (o *operation) match(r *http.Request) (map[string]string, bool) {
	want := strings.Split(strings.TrimSuffix(o.HTTP.RequestURI, "/"), "/")
	got := strings.Split(strings.TrimSuffix(r.URL.EscapedPath(), "/"), "/")
	if r.Method != o.HTTP.Method || len(want) != len(got) {
		return nil, false
	}
	labels := map[string]string{}
	for i := range want {
		text, err := url.PathUnescape(got[i])
		if m := label.FindStringSubmatch(want[i]); m != nil && err == nil {
			labels[m[1]] = text
		} else if want[i] != got[i] {
			return nil, false
		}
	}
	return labels, true
}

func (s *Service) readQueryString(into *node, query url.Values, input reference) {
	for _, m := range s.shape(input).Members {
		values := query[m.answerName()]
		if m.Location != "querystring" || len(values) == 0 {
			continue
		}
		n := &node{text: values[0]}
		for _, v := range values {
			n.items = append(n.items, &node{text: v})
		}
		into.kids[m.answerName()] = n
	}
}
