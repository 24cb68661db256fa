package rds

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/rdslink/rdslink/local/front/identity"
	"github.com/rdslink/rdslink/local/wire"
)

// Connects says whether a caller may log in to a database as a user, which rds-db:connect on that user's ARN allows.
type Connects func(ctx context.Context, c wire.Caller, userARN string) error

// SetConnects lets RDS ask IAM about logins. Without it nobody is let in by a token.
func (s *Service) SetConnects(ask Connects) { s.connects = ask }

// login is what a token is for: an instance, a cluster or a proxy.
type login struct {
	account    string
	resourceID string // as rds-db:connect names it
	hosts      []string
	port       int32
}

func (s *Service) instanceLogin(i *instance) login {
	return login{i.account, i.resourceID, []string{s.endpoint(i)}, i.port}
}

// clusterLogin: the members have names of their own, and no resource that IAM knows
// (AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html). Which member answers to a name does not matter.
func (s *Service) clusterLogin(c *cluster) login {
	hosts := []string{s.writerEndpoint(c), s.readerEndpoint(c)}
	for _, i := range c.members {
		hosts = append(hosts, s.endpoint(i))
	}
	return login{c.account, c.resourceID, hosts, c.port}
}

func (s *Service) proxyLogin(p *proxy) login {
	return login{p.account, p.resourceID(), []string{s.proxyEndpoint(p)}, int32(proxyPorts[p.family])}
}

// admits judges the tokens of its users: for its own name and port, signed by somebody of its account who may connect
// as the user, in the last fifteen minutes
// (docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html). A name that leads to it, such as
// a VPC endpoint's, is another name. It is called without the world's lock.
func (s *Service) admits(find func() login) func(user, token string) error {
	return func(user, token string) error {
		s.world.Lock()
		to, ask := find(), s.connects
		s.world.Unlock()
		userARN := "arn:aws:rds-db:" + s.world.Region + ":" + to.account + ":dbuser:" + to.resourceID + "/" + user
		var endpoints []string
		for _, host := range to.hosts {
			endpoints = append(endpoints, host+":"+strconv.Itoa(int(to.port)))
		}
		c, err := readToken(token, endpoints, user, s.world.Region, time.Now())
		switch {
		case err != nil:
			return err
		case c.Account != to.account: // "the user must be in the same account as the DB instance"
			return fmt.Errorf("%s is of another account", c.ARN)
		case ask == nil:
			return errors.New("nobody answers for IAM")
		}
		return ask(context.Background(), c, userARN)
	}
}

// validity of a token, which its clients' clocks count: it is never shortened.
const validity = 15 * time.Minute

// nothing is the hash of an empty body.
const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// readToken finds who signed a token, and refuses one that is not for one of these endpoints, this user and moment. A token
// is a signed request without its scheme: HOST:PORT/?Action=connect&DBUser=USER&X-Amz-….
func readToken(token string, endpoints []string, user, region string, now time.Time) (wire.Caller, error) {
	asked, err := url.Parse("https://" + token)
	if err != nil {
		return wire.Caller{}, fmt.Errorf("parse token: %w", err)
	}
	query := asked.Query()
	signed, err := time.Parse("20060102T150405Z", query.Get("X-Amz-Date"))
	lives, _ := strconv.Atoi(query.Get("X-Amz-Expires"))
	switch {
	case !slices.Contains(endpoints, asked.Host):
		return wire.Caller{}, fmt.Errorf("it is for %s and not for %s", asked.Host, strings.Join(endpoints, " or "))
	case query.Get("Action") != "connect" || query.Get("DBUser") != user:
		return wire.Caller{}, fmt.Errorf("it lets %q do %q, and %q logs in", query.Get("DBUser"), query.Get("Action"), user)
	case err != nil || lives <= 0 || time.Duration(lives)*time.Second > validity:
		return wire.Caller{}, fmt.Errorf("it was signed at %q for %q seconds", query.Get("X-Amz-Date"), query.Get("X-Amz-Expires"))
	case now.Before(signed.Add(-validity)) || now.After(signed.Add(time.Duration(lives)*time.Second)):
		return wire.Caller{}, fmt.Errorf("it was signed at %s and has expired", query.Get("X-Amz-Date"))
	}
	caller, service, err := identity.Read(&http.Request{URL: asked})
	if err != nil || service != "rds-db" {
		return wire.Caller{}, fmt.Errorf("it is signed for %q: %w", service, err)
	}
	return caller, verify(asked, query, region, signed)
}

// verify signs the request again and compares. All secrets of this cloud are known.
func verify(asked *url.URL, query url.Values, region string, signed time.Time) error {
	c := identity.Signing(query.Get("X-Amz-Credential"), query.Get("X-Amz-Security-Token"))
	again := url.Values{"Action": query["Action"], "DBUser": query["DBUser"], "X-Amz-Expires": query["X-Amz-Expires"]}
	request := &http.Request{Method: http.MethodGet, Host: asked.Host, Header: http.Header{},
		URL: &url.URL{Scheme: "https", Host: asked.Host, Path: "/", RawQuery: again.Encode()}}
	uri, _, err := v4.NewSigner().PresignHTTP(context.Background(), c, request, nothing, "rds-db", region, signed)
	if err != nil {
		return fmt.Errorf("sign again: %w", err)
	}
	want, err := url.Parse(uri)
	if err != nil {
		return fmt.Errorf("sign again: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(want.Query().Get("X-Amz-Signature")), []byte(query.Get("X-Amz-Signature"))) != 1 {
		return errors.New("its signature does not fit")
	}
	return nil
}
