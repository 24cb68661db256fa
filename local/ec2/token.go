package ec2

import (
	"encoding/json"

	"github.com/rdslink/rdslink/local/wire"
)

// clientToken is a request that a caller wants to have an effect once. How long AWS remembers one is not documented; here it
// is for ever.
type clientToken struct{ account, action, token string }

type issue struct {
	request string
	made    any
}

// once makes a resource, or answers with the one that an equal request with the same token made, even when that has been
// deleted since (docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html).
func once[T any](s *Service, token clientToken, request any, create func() (T, error)) (made T, err error) {
	asked, err := json.Marshal(request)
	if err != nil {
		return made, err
	}
	if past, ok := s.issued[token]; ok {
		if past.request != string(asked) {
			return made, wire.Errorf("IdempotentParameterMismatch",
				"The client token you have provided is associated with a request that has different parameters.")
		}
		return past.made.(T), nil
	}
	if made, err = create(); err == nil && token.token != "" {
		s.issued[token] = issue{string(asked), made}
	}
	return made, err
}
