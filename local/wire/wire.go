// Package wire carries AWS API calls between the wire and typed handlers: requests are decoded into the AWS SDK's own input
// structs, and answers encoded from its output structs, as AWS's service models say.
package wire

import (
	"context"
	"fmt"
)

// Error is an API error as AWS codes and words it. Status is the HTTP status; 0 means 400.
type Error struct {
	Code    string
	Message string
	Status  int
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errorf makes an Error with HTTP status 400.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Operation decodes one request into the SDK's input struct, serves it and returns the SDK's output struct.
type Operation func(ctx context.Context, decode func(in any) error) (out any, err error)

// Operations are the operations of one service, by their AWS name.
type Operations map[string]Operation

// Op makes an Operation of a typed handler.
func Op[I, O any](serve func(context.Context, *I) (*O, error)) Operation {
	return func(ctx context.Context, decode func(any) error) (any, error) {
		in := new(I)
		if err := decode(in); err != nil {
			return nil, err
		}
		out, err := serve(ctx, in)
		if err != nil {
			return nil, err
		}
		return out, nil
	}
}

// Caller is who signed a request.
type Caller struct {
	Account string // twelve digits
	ARN     string // arn:aws:iam::111122223333:root, or arn:aws:sts::111122223333:assumed-role/ROLE/SESSION
	Role    string // ARN of the role behind an assumed-role session, else empty
	Region  string // that the request is signed for; empty for a call that the local cloud makes itself
}

type callerKey struct{}

// WithCaller returns ctx carrying c.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf returns the caller that ctx carries.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
