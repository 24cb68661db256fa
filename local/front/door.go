// Package front is the one endpoint that functions, tools and tests talk to. It knows who calls, logs every call, lets
// faults and permissions have their say, serves what the local cloud models itself and forwards the rest to MiniStack.
package front

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdslink/rdslink/local/front/identity"
	"github.com/rdslink/rdslink/local/wire"
)

// Door serves the API's port.
type Door struct {
	// Decide says what a call needs and whether it is allowed; its error is the answer. Nil allows everything.
	Decide func(context.Context, Call) (Decision, error)
	// Fault says what goes wrong with a call.
	Fault func(context.Context, Call) Fault
	// Hide has describes miss what goes by one of the ids, for a time.
	Hide func(d time.Duration, ids ...string)
	// Log has every call.
	Log *Log
	// Rest has every call that is under way.
	Rest *Rest
	// Tunnel serves CONNECT.
	Tunnel http.Handler

	backend *url.URL
	proxy   *httputil.ReverseProxy
	parts   map[string]*part
	wraps   map[string]Wrap
	local   *http.ServeMux
}

// Decision is what a call needs, as far as it was asked. Succeeded, if there is one, is told when the call has.
type Decision struct {
	Permissions []Permission
	Succeeded   func()
}

// part is a service that is read with its model.
type part struct {
	service    *wire.Service
	operations wire.Operations
	forwarded  map[string]bool
}

// Wrap serves a forwarded call; forward hands it to MiniStack.
type Wrap func(w http.ResponseWriter, r *http.Request, c Call, forward http.HandlerFunc)

// New makes a door in front of MiniStack at backend.
func New(backend string) (*Door, error) {
	u, err := url.Parse(backend)
	if err != nil {
		return nil, err
	}
	faults := &Faults{about: map[string]string{}}
	d := &Door{
		Fault: faults.Pick, Log: &Log{}, Rest: NewRest(),
		backend: u, parts: map[string]*part{}, wraps: map[string]Wrap{}, local: http.NewServeMux(),
	}
	d.proxy = &httputil.ReverseProxy{
		Rewrite:   d.rewrite,
		Transport: &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true},
		ErrorLog:  slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
	}
	d.Handle("/_local/calls", d.Log)
	d.Handle("/_local/faults", faults)
	return d, d.Own("sts", "sts", d.sts())
}

// Own makes the door serve operations of the service with that signing name and model itself. The operations in forwarded
// are MiniStack's; any other is refused.
func (d *Door) Own(signingName, model string, operations wire.Operations, forwarded ...string) error {
	s, err := wire.Lookup(model)
	if err != nil {
		return err
	}
	p := &part{service: s, operations: operations, forwarded: map[string]bool{}}
	for _, action := range forwarded {
		p.forwarded[action] = true
	}
	d.parts[signingName] = p
	return nil
}

// Around lets wrap serve all calls of a service that MiniStack has; the service's model reads them.
func (d *Door) Around(signingName, model string, wrap Wrap) error {
	s, err := wire.Lookup(model)
	if err != nil {
		return err
	}
	d.parts[signingName] = &part{service: s}
	d.wraps[signingName] = wrap
	return nil
}

// Handle serves a path of the local cloud's own, below /_local/. Who calls is not asked.
func (d *Door) Handle(pattern string, h http.Handler) { d.local.Handle(pattern, h) }

func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect && d.Tunnel != nil:
		d.Tunnel.ServeHTTP(w, r)
	case strings.HasPrefix(r.URL.Path, "/_local/"):
		d.local.ServeHTTP(w, r)
	default:
		d.serveCall(w, r)
	}
}

// serveCall answers a call when it is in the log: whoever has an answer finds it there.
func (d *Door) serveCall(w http.ResponseWriter, r *http.Request) {
	caller, service, err := identity.Read(r)
	body, bodyErr := bodyOf(r, service)
	if bodyErr != nil {
		http.Error(w, bodyErr.Error(), http.StatusBadRequest)
		return
	}
	a, readErr := d.read(r, service, body)
	a.Caller, a.Trace = caller, traced(r, a.Action)
	if a.Action == "Invoke" {
		a.Payload = string(body)
	}
	if err == nil {
		err = readErr
	}
	defer d.Rest.begin(a.Call)()
	answer := d.decided(r.WithContext(wire.WithCaller(r.Context(), caller)), &a, err)
	if answer == nil {
		d.Log.add(a, &captured{}, time.Since(a.Time))
		panic(http.ErrAbortHandler) // closes the caller's connection without an answer
	}
	d.Log.add(a, answer, time.Since(a.Time))
	answer.send(w)
}

// decided is the answer to a call, if it is let through, with the fault that it meets; nil: the caller hears none.
func (d *Door) decided(r *http.Request, a *asked, err error) *captured {
	refuse := func(err error) *captured {
		return capture(func(w http.ResponseWriter, _ *http.Request) { a.service.Refuse(w, a.ID, err) }, r)
	}
	if err != nil {
		return refuse(err)
	}
	fault := d.Fault(r.Context(), a.Call)
	if d.Decide != nil && !slices.Contains([]FaultKind{Drop, Throttle, Deny, Fail}, fault.Kind) {
		if a.decision, err = d.Decide(r.Context(), a.Call); err != nil {
			return refuse(err)
		}
	}
	if fault.Delay > 0 && fault.Kind != Late {
		select {
		case <-time.After(fault.Delay):
		case <-r.Context().Done():
		}
	}
	switch fault.Kind {
	case Drop:
		return nil
	case Throttle:
		return refuse(throttled(a.Service))
	case Deny:
		return refuse(Denied(a.Call))
	case Refuse:
		return refuse(fault.Refusal)
	case Fail:
		return refuse(&wire.Error{Code: "InternalFailure", Message: "An internal error occurred.", Status: http.StatusInternalServerError})
	case Duplicate:
		again := r.Clone(r.Context())
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return refuse(err)
		}
		restore(r, body)
		restore(again, body)
		capture(func(w http.ResponseWriter, r *http.Request) { d.answer(w, r, *a) }, again)
	}
	answer := capture(func(w http.ResponseWriter, r *http.Request) { d.answer(w, r, *a) }, r)
	if answer.ok() && a.decision.Succeeded != nil {
		a.decision.Succeeded()
	}
	switch fault.Kind {
	case ReplyLost:
		return nil
	case Late:
		d.Hide(fault.Delay, made(a.Call, answer)...)
	case Kill, Freeze:
		if err := signalCaller(r, map[FaultKind]unix.Signal{Kill: unix.SIGKILL, Freeze: unix.SIGSTOP}[fault.Kind]); err != nil {
			return refuse(err)
		}
		return nil
	}
	return answer
}

func (d *Door) answer(w http.ResponseWriter, r *http.Request, a asked) {
	forward := func(w http.ResponseWriter, r *http.Request) { d.proxy.ServeHTTP(w, r) }
	p := d.parts[a.Service]
	switch {
	case refuseForeignSources(w, a):
	case a.Service == cloudWatch:
		d.answerCloudWatch(w, r, a, forward)
	case p == nil:
		forward(w, r)
	case d.wraps[a.Service] != nil:
		d.wraps[a.Service](w, r, a.Call, forward)
	case p.forwarded[a.Action]:
		forward(w, r)
	default:
		a.request.Serve(w, r, a.ID, p.operations)
	}
}

// rewrite makes a call MiniStack's: signed by the account's root, and through TLS as bucket policies demand.
func (d *Door) rewrite(p *httputil.ProxyRequest) {
	p.SetURL(d.backend)
	p.Out.Host = p.In.Host
	p.Out.Header.Set("X-Forwarded-Proto", "https")
	identity.AsRoot(p.Out, wire.CallerOf(p.In.Context()).Account)
}

func restore(r *http.Request, body []byte) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
}
