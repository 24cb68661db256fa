package rds

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/local/front/identity"
	"github.com/rdslink/rdslink/local/wire"
)

const reader = "arn:aws:iam::111122223333:role/reader"

// tokenFor is what the SDKs build: a request to connect, signed for rds-db, without its scheme.
func tokenFor(t *testing.T, c aws.Credentials, endpoint, user, region, service, lives string, at time.Time) string {
	t.Helper()
	query := url.Values{"Action": {"connect"}, "DBUser": {user}, "X-Amz-Expires": {lives}}
	request, err := http.NewRequest(http.MethodGet, "https://"+endpoint+"/?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	uri, _, err := v4.NewSigner().PresignHTTP(t.Context(), c, request, nothing, service, region, at)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(uri, "https://")
}

func TestATokenIsForOneEndpointUserAndMoment(t *testing.T) {
	const endpoint = "orders.c0.eu-central-1.rds.amazonaws.com:5432"
	now := time.Now()
	who := identity.Credentials(reader, "ann")
	guessed := aws.Credentials{AccessKeyID: who.AccessKeyID, SecretAccessKey: "x", SessionToken: who.SessionToken}
	token := func(c aws.Credentials, endpoint, user, region, service, lives string, at time.Time) string {
		return tokenFor(t, c, endpoint, user, region, service, lives, at)
	}
	good := token(who, endpoint, "app", "eu-central-1", "rds-db", "900", now)
	for name, row := range map[string]struct{ token, says string }{
		"good":                      {good, ""},
		"of an account's root":      {token(identity.Root("111122223333"), endpoint, "app", "eu-central-1", "rds-db", "900", now), ""},
		"for another name":          {token(who, "vpce-1.vpce.amazonaws.com:5432", "app", "eu-central-1", "rds-db", "900", now), "it is for vpce-1"},
		"for another port":          {token(who, strings.Replace(endpoint, "5432", "5433", 1), "app", "eu-central-1", "rds-db", "900", now), "it is for"},
		"for another user":          {token(who, endpoint, "master", "eu-central-1", "rds-db", "900", now), `it lets "master"`},
		"for another Region":        {token(who, endpoint, "app", "eu-west-1", "rds-db", "900", now), "its signature does not fit"},
		"for another service":       {token(who, endpoint, "app", "eu-central-1", "rds", "900", now), `it is signed for "rds"`},
		"that has expired":          {token(who, endpoint, "app", "eu-central-1", "rds-db", "900", now.Add(-16*time.Minute)), "has expired"},
		"of the day after tomorrow": {token(who, endpoint, "app", "eu-central-1", "rds-db", "900", now.Add(48*time.Hour)), "has expired"},
		"for an hour":               {token(who, endpoint, "app", "eu-central-1", "rds-db", "3600", now), "3600"},
		"with another secret":       {token(guessed, endpoint, "app", "eu-central-1", "rds-db", "900", now), "its signature does not fit"},
		"edited":                    {strings.Replace(good, "X-Amz-Expires=900", "X-Amz-Expires=899", 1), "its signature does not fit"},
		"that is a password":        {"correct-horse-battery", "it is for"},
		"that is none":              {"%", "parse token"},
		"that nobody signed":        {endpoint + "/?Action=connect&DBUser=app&X-Amz-Expires=900&X-Amz-Date=" + now.UTC().Format("20060102T150405Z"), "it is signed for"},
	} {
		c, err := readToken(row.token, []string{"orders.cluster-c0.eu-central-1.rds.amazonaws.com:5432", endpoint}, "app", "eu-central-1", now)
		if row.says == "" && (err != nil || c.Account != "111122223333") || row.says != "" && (err == nil || !strings.Contains(err.Error(), row.says)) {
			t.Errorf("a token %s: %+v, %v, want %q", name, c, err, row.says)
		}
	}
}

// A database is what a token logs in to.
type tokenDatabase struct {
	*bed
	admit    func(user, token string) error
	resource string // as policies name it
	hosts    []string
}

func anInstance(t *testing.T) tokenDatabase {
	b, in := newBed(t), instanceInput()
	in.EnableIAMDatabaseAuthentication = aws.Bool(true)
	must(b, b.createDBInstance, in)
	d := b.awaitStatus(available)
	if !*d.IAMDatabaseAuthenticationEnabled {
		t.Error("it does not say that it takes tokens")
	}
	return tokenDatabase{b, b.judges[0], *d.DbiResourceId, []string{*d.Endpoint.Address}}
}

func aCluster(t *testing.T) tokenDatabase {
	b, in := newBed(t), clusterInput()
	in.EnableIAMDatabaseAuthentication = aws.Bool(true)
	must(b, b.createDBCluster, in)
	b.awaitCluster()
	must(b, b.createDBInstance, memberInput("one"))
	member, d := b.awaitMember("one"), b.awaitCluster()
	if !*d.IAMDatabaseAuthenticationEnabled || !*member.IAMDatabaseAuthenticationEnabled {
		t.Error("it does not say that it takes tokens")
	}
	if !strings.HasPrefix(*d.DbClusterResourceId, "cluster-") {
		t.Errorf("its resource id is %s", *d.DbClusterResourceId)
	}
	return tokenDatabase{b, b.judges[0], *d.DbClusterResourceId, []string{*d.Endpoint, *d.ReaderEndpoint, *member.Endpoint.Address}}
}

func tokenProxyInput() rds.CreateDBProxyInput {
	in := proxyInput()
	in.Auth = []types.UserAuthConfig{{
		AuthScheme: types.AuthSchemeSecrets, IAMAuth: types.IAMAuthModeRequired, SecretArn: aws.String("arn:aws:secretsmanager:eu-central-1:111122223333:secret:app-AbCdEf"),
	}}
	return in
}

// aProxy is in front of an instance that takes passwords alone.
func aProxy(t *testing.T) tokenDatabase {
	b := newBed(t)
	b.running()
	must(b, b.createDBProxy, tokenProxyInput())
	b.await("an available proxy", func() bool {
		out, err := call(b, b.describeDBProxies, rds.DescribeDBProxiesInput{DBProxyName: aws.String("orders-proxy")})
		return err == nil && out.DBProxies[0].Status == types.DBProxyStatusAvailable
	})
	must(b, b.registerDBProxyTargets, rds.RegisterDBProxyTargetsInput{DBProxyName: aws.String("orders-proxy"), DBInstanceIdentifiers: []string{"orders-prod"}})
	d := b.theProxy()
	id := (*d.DBProxyArn)[strings.LastIndex(*d.DBProxyArn, ":")+1:]
	if !strings.HasPrefix(id, "prx-") || b.judges[0] != nil {
		t.Errorf("its id is %s, and the instance behind it takes tokens: %t", id, b.judges[0] != nil)
	}
	return tokenDatabase{b, b.relays[0].Admit, id, []string{*d.Endpoint}}
}

// Whoever has a token is let in to what it is for, if IAM says so of the user of that.
func TestWhoConnectsIsAsked(t *testing.T) {
	for kind, make := range map[string]func(*testing.T) tokenDatabase{"an instance": anInstance, "a cluster": aCluster, "a proxy": aProxy} {
		t.Run(kind, func(t *testing.T) {
			d := make(t)
			now := time.Now()
			judge := func(c aws.Credentials, endpoint, user string, at time.Time) error {
				return d.admit("app", tokenFor(t, c, endpoint, user, d.world.Region, "rds-db", "900", at))
			}
			who, own := identity.Credentials(reader, "ann"), d.hosts[0]+":5432"
			if err := judge(who, own, "app", now); err == nil {
				t.Error("nobody is asked, and all are let in")
			}
			var asked []string
			verdict := errors.New("not allowed")
			d.SetConnects(func(_ context.Context, c wire.Caller, userARN string) error {
				asked = append(asked, c.Role+" "+userARN)
				return verdict
			})
			if err := judge(who, own, "app", now); !errors.Is(err, verdict) {
				t.Errorf("who may not connect does: %v", err)
			}
			verdict = nil
			for _, host := range d.hosts {
				if err := judge(who, host+":5432", "app", now); err != nil {
					t.Errorf("who may connect to %s does not: %v", host, err)
				}
			}
			if want := reader + " arn:aws:rds-db:eu-central-1:111122223333:dbuser:" + d.resource + "/app"; slices.ContainsFunc(asked, func(q string) bool { return q != want }) ||
				len(asked) != 1+len(d.hosts) {
				t.Errorf("asked %q, want %s", asked, want)
			}
			asked = nil
			for says, err := range map[string]error{
				"it is for vpce-1":          judge(who, "vpce-1.vpce.amazonaws.com:5432", "app", now),
				"it is for " + d.hosts[0]:   judge(who, d.hosts[0]+":6432", "app", now),
				`it lets "other"`:           judge(who, own, "other", now),
				"has expired":               judge(who, own, "app", now.Add(-16*time.Minute)),
				"of another account":        judge(identity.Credentials("arn:aws:iam::222233334444:role/reader", "ann"), own, "app", now),
				"signature does not fit":    judge(aws.Credentials{AccessKeyID: who.AccessKeyID, SecretAccessKey: "x", SessionToken: who.SessionToken}, own, "app", now),
				"it is for orders.other-c0": judge(who, "orders.other-c0.eu-central-1.rds.amazonaws.com:5432", "app", now),
			} {
				if err == nil || !strings.Contains(err.Error(), says) {
					t.Errorf("%v, want %q", err, says)
				}
			}
			if len(asked) > 0 {
				t.Errorf("IAM is asked about a token that is none: %q", asked)
			}
		})
	}
}

// A proxy logs in to its target with the secret of the user whom a token has let in; of others it has none.
func TestAProxyHasTheSecretOfItsTargetsMaster(t *testing.T) {
	d := aProxy(t)
	secret := d.relays[0].Password
	if password, ok := secret("app"); !ok || password != "correct-horse" {
		t.Errorf("of the master it has %q, %t", password, ok)
	}
	if _, ok := secret("other"); ok {
		t.Error("it has a secret of another user")
	}
	b := newProxy(t)
	if b.relays[0].Admit != nil || b.relays[0].Password != nil {
		t.Error("a proxy without IAMAuth takes tokens")
	}
}

func TestTokensAreForPostgreSQL(t *testing.T) {
	b := newBed(t)
	instance, cluster, member, proxy := instanceInput(), clusterInput(), memberInput("one"), tokenProxyInput()
	for _, on := range []**bool{&instance.EnableIAMDatabaseAuthentication, &cluster.EnableIAMDatabaseAuthentication, &member.EnableIAMDatabaseAuthentication} {
		*on = aws.Bool(true)
	}
	instance.Engine, cluster.Engine, proxy.EngineFamily = aws.String("mysql"), aws.String("aurora-mysql"), types.EngineFamilyMysql
	refused(b, "InvalidParameterCombination", b.createDBInstance, instance)
	refused(b, "InvalidParameterCombination", b.createDBCluster, cluster)
	refused(b, "InvalidParameterCombination", b.createDBInstance, member) // its cluster's to say
	refused(b, "InvalidParameterCombination", b.createDBProxy, proxy)
}
