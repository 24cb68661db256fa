// Package model is what the services of the local cloud share: one lock, one clock, one naming
// scheme, one way to send events.
package model

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/rdslink/rdslink/local/wire"
)

// World is the state that the modelled services have in common. Its lock guards the whole in-memory model: handlers made
// with Locked run under it, and so does every function given to After.
type World struct {
	sync.Mutex
	Region string
	// Speed divides AWS's real durations: 100 turns the two minutes of a load balancer's provisioning into 1.2 s.
	Speed  float64
	Delays Delays
	// Without is what a service does not have, by its signing name: zones by their ids, quotas by their codes or names
	// (lambda:euc1-az1, servicequotas:L-0EA8095F).
	Without []string
	// Instead are states that answers name in place of others: what AWS's documents do not explain, or will add.
	Instead map[string]string
	// Meter has what services measure.
	Meter Meter

	// Publish sends an event to the default event bus of an account; nil drops it. It is called with the
	// lock held and must not block.
	Publish func(Event)
	// Notify publishes to an SNS topic on behalf of an AWS service; nil drops it. It is called with the
	// lock held and must not block.
	Notify func(Notification)
	// Log writes lines to a log group in a role, and tells, with the lock held, what became of that; nil drops them. It is
	// called with the lock held and must not block.
	Log func(lines LogLines, told func(error))
	// Hold says how much longer, in real time, a change of a resource lasts; nil holds nothing up. It is
	// called with the lock held.
	Hold func(resource string) time.Duration
	// Closed says whether a service has no place in a zone, as there are some for some accounts; nil closes none. A zone
	// goes by its name, its id, and that of the subnet that is meant in it. It is called with the lock held.
	Closed func(service, zone, zoneID, subnet string) bool

	hidden map[string]time.Time // until when describes miss what goes by an id
}

// Event is an event that an AWS service sends to EventBridge.
type Event struct {
	Account    string
	Source     string // aws.rds
	DetailType string
	Resources  []string
	Detail     any
}

// Notification is a message that an AWS service sends to an SNS topic.
type Notification struct {
	TopicARN  string
	Service   string // vpce.amazonaws.com
	SourceARN string
	Account   string // aws:SourceAccount
	Message   string
}

// LogLines are lines that an AWS service writes to a log stream, which it makes where there is none.
type LogLines struct {
	Account, Role, Group, Stream string
	Lines                        []string
	Time                         time.Time
}

// Delays are how long AWS takes, unscaled. Documented gives the documented values.
type Delays struct {
	LoadBalancerProvisioning time.Duration // CreateLoadBalancer until active
	TargetRegistration       time.Duration // RegisterTargets until the first health check
	TargetDeregistration     time.Duration // DeregisterTargets until new connections stop
	HealthCheckInterval      time.Duration // the least, whatever the target group's own is
	EndpointService          time.Duration // CreateVpcEndpointServiceConfiguration until Available
	EndpointAvailable        time.Duration // acceptance until available
	DomainVerification       time.Duration // StartVpcEndpointServicePrivateDnsVerification until AWS has looked
	RecordChange             time.Duration // ChangeResourceRecordSets until all of Route 53's servers answer by it
	DatabaseCreation         time.Duration // CreateDBInstance until available, beside the real work
	DatabaseFailover         time.Duration // RebootDBInstance until the new primary serves
	ClusterFailover          time.Duration // FailoverDBCluster until the new writer serves
	Switchover               time.Duration // SwitchoverBlueGreenDeployment until the names are exchanged
	CertificateRenewal       time.Duration // a database's new name until its certificate has it
	FunctionInVPC            time.Duration // a VPC function's Pending
	FunctionUpdate           time.Duration // UpdateFunctionCode until the code is taken over
	Visibility               time.Duration // a describe may miss what is younger
	Propagation              time.Duration // and another service
}

// Documented are AWS's own figures, as its documents or field reports have them.
var Documented = Delays{
	LoadBalancerProvisioning: 2 * time.Minute,
	TargetRegistration:       90 * time.Second,
	TargetDeregistration:     2 * time.Minute,
	EndpointService:          20 * time.Second,
	EndpointAvailable:        2 * time.Minute,
	DomainVerification:       2 * time.Minute, // "wait a few minutes"
	RecordChange:             time.Minute,
	DatabaseCreation:         5 * time.Minute,
	DatabaseFailover:         90 * time.Second,
	ClusterFailover:          30 * time.Second,
	Switchover:               30 * time.Second, // "typically under one minute"
	CertificateRenewal:       2 * time.Minute,  // nobody has published a figure
	FunctionInVPC:            time.Minute,
	FunctionUpdate:           10 * time.Second,
	Visibility:               2 * time.Second,
	Propagation:              4 * time.Second,
}

// Scale is d at the world's speed.
func (w *World) Scale(d time.Duration) time.Duration {
	if w.Speed <= 0 {
		return d
	}
	return time.Duration(float64(d) / w.Speed)
}

// After runs f under the lock when d, scaled, has passed.
func (w *World) After(d time.Duration, f func()) { w.after(w.Scale(d), f) }

// Change runs f, with which a resource is another, under the lock when d, scaled, has passed and nothing holds it up.
func (w *World) Change(resource string, d time.Duration, f func()) { w.after(w.Takes(resource, d), f) }

// Takes is how long a change of a resource takes that takes AWS d.
func (w *World) Takes(resource string, d time.Duration) time.Duration {
	if w.Hold == nil {
		return w.Scale(d)
	}
	return w.Scale(d) + w.Hold(resource)
}

func (w *World) after(d time.Duration, f func()) {
	time.AfterFunc(d, func() {
		w.Lock()
		defer w.Unlock()
		f()
	})
}

// Admits says whether a service has a place in a zone.
func (w *World) Admits(service, zone, zoneID, subnet string) bool {
	return w.Closed == nil || !w.Closed(service, zone, zoneID, subnet)
}

// Visible says whether the service that made something at created knows it, by whichever of its machines.
func (w *World) Visible(id string, created time.Time) bool {
	now := time.Now()
	return now.Sub(created) >= w.Scale(w.Delays.Visibility) && now.After(w.hidden[id])
}

// Hide has describes miss what goes by one of the ids, for a time that is not scaled. It takes the lock.
func (w *World) Hide(d time.Duration, ids ...string) {
	w.Lock()
	defer w.Unlock()
	if w.hidden == nil {
		w.hidden = map[string]time.Time{}
	}
	for _, id := range ids {
		w.hidden[id] = time.Now().Add(d)
	}
}

// Propagated says whether other services know what was made at created.
func (w *World) Propagated(created time.Time) bool {
	return time.Since(created) >= w.Scale(w.Delays.Propagation)
}

// ID makes an EC2-style identifier: prefix-0123456789abcdef0.
func ID(prefix string) string { return prefix + "-" + Hex(17) }

// Hex makes n random hex digits.
func Hex(n int) string {
	b := make([]byte, (n+1)/2)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)[:n]
}

// UUID makes a random UUID.
func UUID() string {
	h := Hex(32)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}

// AccountOf is the account in an ARN; an ARN without one is nobody's.
func AccountOf(text string) string {
	a, _ := arn.Parse(text) // what is none has no account
	return a.AccountID
}

// Zone is an Availability Zone as one account sees it: the name is the account's own, the id is the same for all.
type Zone struct{ Name, ID string }

var zoneIDs = map[string][]string{
	"eu-central-1": {"euc1-az2", "euc1-az3", "euc1-az1"},
	"eu-west-1":    {"euw1-az1", "euw1-az2", "euw1-az3"},
	"us-east-1":    {"use1-az4", "use1-az6", "use1-az1"},
	"us-east-2":    {"use2-az1", "use2-az2", "use2-az3"},
}

// HasZones tells a Region whose Availability Zones are part of this local cloud.
func HasZones(region string) bool { return zoneIDs[region] != nil }

// Zones are a Region's Availability Zones as an account has them. AWS maps names to ids per account; here the mapping
// rotates with the account's last digit.
func Zones(region, account string) []Zone {
	ids := zoneIDs[region]
	turn := int(account[len(account)-1]-'0') % len(ids)
	zones := make([]Zone, len(ids))
	for i := range ids {
		zones[i] = Zone{region + string(rune('a'+i)), ids[(i+turn)%len(ids)]}
	}
	return zones
}

// Lacks says whether a service does not have a zone or a quota.
func (w *World) Lacks(service, what string) bool {
	return slices.Contains(w.Without, service+":"+what)
}

// Says is how an answer names a state.
func (w *World) Says(state string) string {
	if instead, ok := w.Instead[state]; ok {
		return instead
	}
	return state
}

// Locked makes every operation of ops run under the world's lock.
func (w *World) Locked(ops wire.Operations) wire.Operations {
	locked := make(wire.Operations, len(ops))
	for name, op := range ops {
		locked[name] = func(ctx context.Context, decode func(any) error) (any, error) {
			w.Lock()
			defer w.Unlock()
			return op(ctx, decode)
		}
	}
	return locked
}
