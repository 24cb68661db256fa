package inspect

import (
	"slices"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

const link = "link-acme-00000000"

// onLink is a world whose exposure is on a link, beside one of a database on port 3306 that consumers reach by port 6001.
func onLink() *world {
	w := healthy("postgres", 5432)
	tags := owner.ExposureTags(link, "")
	w.exposure.Link, w.exposure.Beside = link, []registry.Way{{ListenerPort: 6001, Port: 3306}}
	w.elbTags[balancerARN], w.service.Tags, w.groups[0].Tags = tags, owned.EC2Tags(tags), owned.EC2Tags(tags)
	w.listeners = append(w.listeners, listener(listenerARN+"1", 6001, groupARN+"1"))
	w.rules[0].Tags, w.rules[1].Tags = owned.EC2Tags(tags), owned.EC2Tags(tags)
	w.rules = append(w.rules, rule("sgr-lb-out-2", "sg-lb", true, 3306, "10.0.0.0/16", "", tags),
		rule("sgr-lb-in-2", "sg-lb", false, 6001, "", "sg-resolver", tags))
	return w
}

func TestWhatIsBesideAnExposureOnItsLinkIsNoDrift(t *testing.T) {
	if r := onLink().look(t); len(said(r)) > 0 || r.Err != nil {
		t.Errorf("%v, %v\n%s", said(r), r.Err, printed(r))
	}
	w := onLink() // another one's ways are gone
	w.exposure.Beside = nil
	for _, want := range []string{"drift listener " + listenerARN + "1", "drift outbound rule sgr-lb-out-2", "drift inbound rule sgr-lb-in-2"} {
		if got := said(w.look(t)); !slices.Contains(got, want) {
			t.Errorf("%q is not among %q", want, got)
		}
	}
	w = onLink() // of its own, not of the link's
	w.elbTags[listenerARN] = owner.ExposureTags(link, "")
	if got := said(w.look(t)); !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "drift tags of "+listenerARN) }) {
		t.Errorf("a listener with the link's tags is no drift: %q", got)
	}
}

// A link is looked at as far as it goes: to its load balancer.
func TestALinkIsInspectedToItsLoadBalancer(t *testing.T) {
	w := onLink()
	e := w.exposure
	w.exposure = registry.Exposure{ID: link, Link: link, VPCID: e.VPCID, Claim: e.Claim, Made: registry.Made{
		LoadBalancerARN: e.LoadBalancerARN, LoadBalancerSecurityGroupID: e.LoadBalancerSecurityGroupID, LoadBalancerSubnetIDs: e.LoadBalancerSubnetIDs,
		ServiceID: e.ServiceID, ServiceName: e.ServiceName, Principals: e.Principals, SupportedRegions: e.SupportedRegions, ConnectionsTopicARN: topicARN,
	}}
	r := w.look(t)
	if last := r.Hops[len(r.Hops)-1]; len(said(r)) > 0 || r.Err != nil || last.Name != LoadBalancer || last.State != Passes {
		t.Errorf("%v, %v\n%s", said(r), r.Err, printed(r))
	}
	w.service = nil
	if hop, cut := w.look(t).CutOff(); !cut || hop.Name != EndpointService {
		t.Errorf("without its service %v is broken", hop)
	}
}
