package front

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// Call is one API call.
type Call struct {
	ID      string
	Time    time.Time
	Caller  wire.Caller
	Service string // the service's SigV4 signing name: ec2, elasticloadbalancing, states
	Action  string // the operation as its API calls it: Invoke, not lambda:InvokeFunction
	// Parameters are the request's, under the names of the service's model: maps, lists and scalars. S3's are not read.
	Parameters map[string]any
	Method     string
	Path       string
	// Trace is the id of the invocation that the call is made by or, for Invoke, that it makes.
	Trace string
	// Payload is what a function is invoked with.
	Payload string
}

// Session is the name of the caller's role session.
func (c Call) Session() string {
	if c.Caller.Role == "" {
		return ""
	}
	return c.Caller.ARN[strings.LastIndex(c.Caller.ARN, "/")+1:]
}

var identifier = regexp.MustCompile(`^(arn:aws[\w-]*:\S+|[a-z]{2,8}(-[a-z]+)?-[0-9a-f]{8,17})$`)

// itemName stands for every text below a Key: it names one item of a DynamoDB table. The Key of a tag is text itself.
const itemName = "ItemName"

// Resources are the ARNs, ids and names among the parameters: a hint for who reads the log, not for a decision.
func (c Call) Resources() []string {
	var found []string
	var walk func(name string, v any)
	walk = func(name string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for kid, value := range v {
				if name == "Key" || name == itemName {
					kid = itemName
				}
				walk(kid, value)
			}
		case []any:
			for _, value := range v {
				walk(name, value)
			}
		case string:
			named := strings.HasSuffix(name, "Name") || strings.HasSuffix(name, "Identifier")
			if len(v) < 300 && (named || identifier.MatchString(v)) {
				found = append(found, v)
			}
		}
	}
	walk("", c.Parameters)
	slices.Sort(found)
	return slices.Compact(found)
}

// asked is a call together with how to answer it.
type asked struct {
	Call
	service *wire.Service // how the service speaks
	request *wire.Request // nil when the service has no model here

	decision Decision
}

// traced has an invocation named in the header in which Lambda hands a trace on: to the function, whose SDK sends it with
// every call (Lambda guide, "Visualize Lambda function invocations using AWS X-Ray"). A call outside of functions has none.
func traced(r *http.Request, action string) string {
	const header = "X-Amzn-Trace-Id"
	if action == "Invoke" && r.Header.Get(header) == "" {
		digits := strings.ReplaceAll(model.UUID()+model.UUID(), "-", "")
		r.Header.Set(header, fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", time.Now().Unix(), digits[:24], digits[24:40]))
	}
	root, _, _ := strings.Cut(r.Header.Get(header), ";")
	return strings.TrimPrefix(root, "Root=")
}

// read finds out what r asks of the service; body is r's body.
func (d *Door) read(r *http.Request, service string, body []byte) (asked, error) {
	a := asked{Call: Call{ID: model.UUID(), Time: time.Now(), Service: service, Method: r.Method, Path: r.URL.Path}}
	if p := d.parts[service]; p != nil {
		q, err := p.service.Read(r, body)
		a.service, a.request, a.Action, a.Parameters = p.service, q, q.Action, q.Parameters()
		return a, err
	}
	target := r.Header.Get("X-Amz-Target")
	switch {
	case service == "s3":
		a.service, a.Action = &wire.Service{Name: service, Protocol: "rest-xml"}, s3Action(r)
	case target != "":
		a.service = &wire.Service{Name: service, Protocol: "json", JSONVersion: "1.0"}
		a.Action = target[strings.LastIndex(target, ".")+1:]
		_ = json.Unmarshal(body, &a.Parameters) // MiniStack refuses what is no JSON
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		a.service = &wire.Service{Name: service, Protocol: "query"}
		form, _ := url.ParseQuery(string(body)) // MiniStack refuses what is no form
		a.Action, a.Parameters = form.Get("Action"), flat(form)
	default:
		a.service = &wire.Service{Name: service, Protocol: "rest-json"}
		a.Action = r.Method + " " + r.URL.Path
		// Smithy's RPC over CBOR, which CloudWatch speaks.
		if _, operation, ok := strings.Cut(r.URL.Path, "/operation/"); ok {
			a.service.Protocol, a.Action = wire.CBOR, operation
			sent, err := cbor.Decode(body)
			a.Parameters, _ = fromCBOR(sent).(map[string]any)
			return a, err
		}
	}
	return a, nil
}

func flat(form url.Values) map[string]any {
	parameters := map[string]any{}
	for name := range form {
		parameters[name] = form.Get(name)
	}
	return parameters
}

// s3Action names S3's operations after what is asked for: an object, a bucket, or a property of one of them.
func s3Action(r *http.Request) string {
	verb := map[string]string{"GET": "Get", "HEAD": "Head", "PUT": "Put", "DELETE": "Delete", "POST": "Post"}[r.Method]
	what := "Object"
	if _, key, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/"); key == "" {
		what = "Bucket"
	}
	for name, values := range r.URL.Query() {
		if strings.Join(values, "") == "" && !strings.HasPrefix(name, "X-Amz-") {
			what += strings.ToUpper(name[:1]) + name[1:]
		}
	}
	return verb + what
}

// bodyOf reads r's body and puts it back. An object of S3 is not read.
func bodyOf(r *http.Request, service string) ([]byte, error) {
	if service == "s3" {
		return nil, nil
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(r.Body); err != nil {
		return nil, err
	}
	restore(r, b.Bytes())
	return b.Bytes(), nil
}
