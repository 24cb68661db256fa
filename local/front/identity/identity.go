// Package identity says who signs a request to the local cloud. Signatures are not verified; the key tells.
package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdslink/rdslink/local/wire"
)

const secret = "local"

// session is what a role session's token says.
type session struct {
	Role    string `json:"role"`
	Session string `json:"session"`
}

// Credentials are those of a session of a role. MiniStack's start-up file makes the same for functions.
func Credentials(roleARN, name string) aws.Credentials {
	token, _ := json.Marshal(session{roleARN, name}) // two strings
	key := sha256.Sum256([]byte(roleARN + name))
	return aws.Credentials{
		AccessKeyID:     "ASIA" + strings.ToUpper(hex.EncodeToString(key[:8])),
		SecretAccessKey: secret,
		SessionToken:    base64.URLEncoding.EncodeToString(token),
	}
}

// Root are the credentials of an account's root.
func Root(account string) aws.Credentials {
	return aws.Credentials{AccessKeyID: account, SecretAccessKey: secret}
}

// Config makes SDK clients call endpoint with credentials c.
func Config(endpoint, region string, c aws.Credentials) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(endpoint), HTTPClient: &http.Client{Timeout: 15 * time.Minute},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, nil }),
	}
}

// Signing are the credentials that a presigned request was made with, by its X-Amz-Credential and X-Amz-Security-Token.
func Signing(scope, token string) aws.Credentials {
	key, _, _ := strings.Cut(scope, "/")
	return aws.Credentials{AccessKeyID: key, SecretAccessKey: secret, SessionToken: token}
}

var (
	credential = regexp.MustCompile(`Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request`)
	account    = regexp.MustCompile(`^\d{12}$`)
	role       = regexp.MustCompile(`^arn:aws[\w-]*:iam::(\d{12}):role/(?:.*/)?([^/]+)$`)
)

// Read finds who signed r, for which Region and for which service, by its SigV4 signing name. https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
// has the codes.
func Read(r *http.Request) (wire.Caller, string, error) {
	scope, token := "Credential="+r.URL.Query().Get("X-Amz-Credential"), r.URL.Query().Get("X-Amz-Security-Token")
	if authorization := r.Header.Get("Authorization"); authorization != "" {
		scope, token = authorization, r.Header.Get("X-Amz-Security-Token")
	}
	m := credential.FindStringSubmatch(scope)
	if m == nil {
		return wire.Caller{}, "", &wire.Error{Code: "MissingAuthenticationToken", Message: "Request is missing Authentication Token",
			Status: http.StatusForbidden}
	}
	key, region, service := m[1], m[2], m[3]
	if account.MatchString(key) {
		return wire.Caller{Account: key, ARN: "arn:aws:iam::" + key + ":root", Region: region}, service, nil
	}
	caller, ok := Caller(aws.Credentials{SessionToken: token})
	if !ok {
		return wire.Caller{}, service, &wire.Error{Code: "InvalidClientTokenId",
			Message: "The security token included in the request is invalid.", Status: http.StatusForbidden}
	}
	caller.Region = region
	return caller, service, nil
}

// Caller is whose session credentials are; false if they are no role's.
func Caller(c aws.Credentials) (wire.Caller, bool) {
	raw, err := base64.URLEncoding.DecodeString(c.SessionToken)
	if err != nil {
		return wire.Caller{}, false
	}
	var s session
	if err := json.Unmarshal(raw, &s); err != nil {
		return wire.Caller{}, false
	}
	m := role.FindStringSubmatch(s.Role)
	if m == nil || s.Session == "" {
		return wire.Caller{}, false
	}
	return wire.Caller{Account: m[1], ARN: fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", m[1], m[2], s.Session), Role: s.Role}, true
}

// AsRoot signs r anew as the root of an account. MiniStack does not verify root's signature.
func AsRoot(r *http.Request, account string) {
	if authorization := r.Header.Get("Authorization"); authorization != "" {
		m := credential.FindStringSubmatchIndex(authorization)
		r.Header.Set("Authorization", authorization[:m[2]]+account+authorization[m[3]:])
		r.Header.Del("X-Amz-Security-Token")
		return
	}
	query := r.URL.Query()
	_, scope, _ := strings.Cut(query.Get("X-Amz-Credential"), "/")
	query.Set("X-Amz-Credential", account+"/"+scope)
	query.Del("X-Amz-Security-Token")
	r.URL.RawQuery = query.Encode()
}
