package ec2

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/local/wire"
)

// What AWS answers of which a person or a program may miss the absence: sets are there although they are empty
// (API_DescribeSecurityGroups, API_DescribeVpcEndpoints, API_DescribeNetworkInterfaces, examples).
func TestAnswersHaveWhatIsEmpty(t *testing.T) {
	c := newCloud(t)
	_, e := c.connected()
	c.permit(c.group(provider, c.providerVPC, "database"), tcp("10.0.0.0/16"))
	c.group(provider, c.providerVPC, "closed")
	c.attach(provider, c.providerSubnets[0])
	for action, row := range map[string]struct {
		account, id string
		want        []string
	}{
		"DescribeSecurityGroups": {account: provider, want: []string{
			"<toPort>5432</toPort><groups></groups><ipRanges><item><cidrIp>10.0.0.0/16</cidrIp></item></ipRanges><ipv6Ranges></ipv6Ranges><prefixListIds></prefixListIds>", "<ipPermissions></ipPermissions>",
		}},
		"DescribeVpcEndpoints": {account: consumer, id: *e.VpcEndpointId, want: []string{
			"<policyDocument>{&#34;Statement&#34;:[{&#34;Action&#34;:&#34;*&#34;,&#34;Effect&#34;:&#34;Allow&#34;,&#34;Principal&#34;:&#34;*&#34;,&#34;Resource&#34;:&#34;*&#34;}]}</policyDocument>",
			"<routeTableIdSet></routeTableIdSet>", "<tagSet></tagSet>",
		}},
		"DescribeNetworkInterfaces": {account: provider, want: []string{"<groupSet></groupSet>", "<ipv6AddressesSet></ipv6AddressesSet>", "<tagSet></tagSet>"}},
	} {
		t.Run(action, func(t *testing.T) {
			handler, err := wire.Handler("ec2", c.world.Locked(c.Operations()))
			if err != nil {
				t.Fatal(err)
			}
			form := url.Values{"Action": {action}, "Version": {"2016-11-15"}}
			r := httptest.NewRequestWithContext(wire.WithCaller(t.Context(), wire.Caller{Account: row.account}), http.MethodPost, "/", strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			for _, want := range row.want {
				if !strings.Contains(w.Body.String(), want) {
					t.Errorf("%s is not in %s", want, w.Body)
				}
			}
		})
	}
}
