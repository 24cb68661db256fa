package front

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rdslink/rdslink/local/ec2"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// interfaces are EC2's for functions in a VPC.
type interfaces interface {
	Subnet(account, id string) (*ec2.Subnet, error)
	SecurityGroup(account, id string) (*ec2.SecurityGroup, error)
	Attach(account, subnet string, groups []string, description string, address netip.Addr) (*ec2.Interface, error)
	Detach(interfaceID string)
}

// sources let a VPC's functions speak from their network interfaces.
type sources interface {
	SetDefaultSource(vpc string, a netip.Addr) error
}

// Functions stand around MiniStack's Lambda for what it does not have: the network interfaces of functions in a VPC and the
// states that come with them, and the queue of asynchronous invocations.
type Functions struct {
	// Later takes an asynchronous invocation over; the function exists.
	Later   func(ctx context.Context, functionARN string, payload []byte)
	running *running // bounded
	world   *model.World
	vpcs    interfaces
	network sources
	placed  map[string]*placement // by function ARN; the world's lock guards it
	turns   *turns
}

// placement is a function in a VPC.
type placement struct {
	account    string
	vpc        string
	subnets    []string
	groups     []string
	interfaces []*ec2.Interface
	state      functionState
	used       time.Time // when it was last invoked, or became active
}

// functionState is what Lambda reports while it makes network interfaces, and when it could not
// (docs.aws.amazon.com/lambda/latest/dg/functions-states.html).
type functionState struct {
	state, update string // State and LastUpdateStatus
	reason, code  string
}

var (
	active   = functionState{state: "Active", update: "Successful"}
	updating = functionState{state: "Active", update: "InProgress", reason: "The function is being updated.", code: "Creating"}
)

// NewFunctions makes Functions without any, of which each account may run limit at once.
func NewFunctions(w *model.World, vpcs interfaces, network sources, limit int) *Functions {
	return &Functions{
		running: newRunning(limit, &w.Meter), world: w, vpcs: vpcs, network: network, placed: map[string]*placement{}, turns: newTurns(),
	}
}

// Serve is the Wrap around Lambda.
func (f *Functions) Serve(w http.ResponseWriter, r *http.Request, c Call, forward http.HandlerFunc) {
	arn := f.arn(c)
	switch c.Action {
	case "CreateFunction":
		f.create(w, r, c, forward)
	case "UpdateFunctionConfiguration":
		f.update(w, r, c, forward)
	case "UpdateFunctionCode":
		f.updateCode(w, r, c, arn, forward)
	case "TagResource", "UntagResource":
		f.tag(w, r, c, forward)
	case "GetFunction", "GetFunctionConfiguration":
		f.overlaid(w, r, arn, forward)
	case "Invoke":
		f.invoke(w, r, c, arn, forward)
	case "PutFunctionConcurrency":
		f.reserve(w, r, c, arn, forward)
	case "DeleteFunctionConcurrency":
		f.running.release(arn)
		forward(w, r)
	case "GetAccountSettings":
		f.accountSettings(w, r, c, forward)
	case "DeleteFunction":
		answer := capture(forward, r)
		if answer.ok() && c.Parameters["Qualifier"] == nil {
			f.withdraw(arn)
			f.running.release(arn)
		}
		answer.send(w)
	default:
		forward(w, r)
	}
}

// Metrics serves /_local/metrics: what was measured for an account since it was asked last.
func Metrics(m *model.Meter) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(m.Take(r.URL.Query().Get("account")))
	}
}

// arn is the unqualified ARN of the function that c names by its ARN, a part of it, or its name.
func (f *Functions) arn(c Call) string {
	name, _ := c.Parameters["FunctionName"].(string)
	account := c.Caller.Account
	parts := strings.Split(name, ":")
	for i, part := range parts {
		if part == "function" && i+1 < len(parts) {
			name = parts[i+1]
			if i > 0 {
				account = parts[i-1]
			}
			return fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", f.world.Region, account, name)
		}
	}
	return fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", f.world.Region, account, parts[0])
}

// vpcConfig is the VpcConfig of c's parameters; false if they have none.
func vpcConfig(c Call) (subnets, groups []string, found bool) {
	config, found := c.Parameters["VpcConfig"].(map[string]any)
	return texts(config["SubnetIds"]), texts(config["SecurityGroupIds"]), found
}

func texts(v any) []string {
	list, _ := v.([]any)
	out := make([]string, 0, len(list))
	for _, item := range list {
		if text, ok := item.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

func (f *Functions) create(w http.ResponseWriter, r *http.Request, c Call, forward http.HandlerFunc) {
	subnets, groups, _ := vpcConfig(c)
	if err := f.check(c.Caller.Account, subnets, groups); err != nil {
		lambdaService.Refuse(w, c.ID, err)
		return
	}
	answer := capture(forward, r)
	if answer.ok() && len(subnets) > 0 {
		arn := f.arn(c)
		f.place(arn, c.Caller.Account, subnets, groups,
			functionState{state: "Pending", reason: "The function is being created.", code: "Creating"})
		f.overlay(answer, arn)
	}
	answer.send(w)
}

// updateCode makes a function in a VPC busy for a while.
func (f *Functions) updateCode(w http.ResponseWriter, r *http.Request, c Call, arn string, forward http.HandlerFunc) {
	if f.refusePending(w, c, arn) {
		return
	}
	answer := capture(forward, r)
	if answer.ok() {
		f.busy(arn)
	}
	f.overlay(answer, arn)
	answer.send(w)
}

// busy has the function take its new code over (docs.aws.amazon.com/lambda/latest/dg/functions-states.html).
func (f *Functions) busy(arn string) {
	f.world.Lock()
	defer f.world.Unlock()
	p := f.placed[arn]
	if p == nil || p.state != active {
		return
	}
	p.state = updating
	f.world.After(f.world.Delays.FunctionUpdate, func() {
		if p.state == updating {
			p.state = active
		}
	})
}

// tag is refused while the function is being made or updated
// (API_TagResource, API_UntagResource, ResourceConflictException).
func (f *Functions) tag(w http.ResponseWriter, r *http.Request, c Call, forward http.HandlerFunc) {
	resource, _ := c.Parameters["Resource"].(string)
	if !f.refusePending(w, c, resource) {
		forward(w, r)
	}
}

func (f *Functions) update(w http.ResponseWriter, r *http.Request, c Call, forward http.HandlerFunc) {
	arn := f.arn(c)
	if f.refusePending(w, c, arn) {
		return
	}
	subnets, groups, moves := vpcConfig(c)
	if err := f.check(c.Caller.Account, subnets, groups); err != nil {
		lambdaService.Refuse(w, c.ID, err)
		return
	}
	answer := capture(forward, r)
	if answer.ok() && moves && !f.stays(arn, subnets, groups) {
		f.withdraw(arn)
		if len(subnets) > 0 {
			f.place(arn, c.Caller.Account, subnets, groups, updating)
		}
	}
	f.overlay(answer, arn)
	answer.send(w)
}

// check words what EC2 refuses as Lambda does.
func (f *Functions) check(account string, subnets, groups []string) error {
	f.world.Lock()
	defer f.world.Unlock()
	vpc := ""
	for _, id := range subnets {
		s, err := f.vpcs.Subnet(account, id)
		if err != nil {
			return refusedBy("DescribeSubnets", err)
		}
		if vpc != "" && vpc != s.VPC {
			return wire.Errorf("InvalidParameterValueException", "Subnets in VpcConfig must be in the same VPC")
		}
		if f.world.Lacks("lambda", s.ZoneID) { // the wording is keboola/developer-portal#81's
			return wire.Errorf("InvalidParameterValueException",
				"The provided subnets contain availability zone Lambda doesn't support. Please use a different set of subnets.")
		}
		vpc = s.VPC
	}
	for _, id := range groups {
		g, err := f.vpcs.SecurityGroup(account, id)
		if err != nil {
			return refusedBy("DescribeSecurityGroups", err)
		}
		if g.VPC != vpc {
			return wire.Errorf("InvalidParameterValueException", "Security Groups are required to be in the same VPC.")
		}
	}
	return nil
}

func refusedBy(operation string, err error) error {
	e, ok := errors.AsType[*wire.Error](err)
	if !ok {
		return err
	}
	return wire.Errorf("InvalidParameterValueException", "Error occurred while %s. EC2 Error Code: %s. EC2 Error Message: %s",
		operation, e.Code, e.Message)
}

// place puts a function into a VPC.
func (f *Functions) place(arn, account string, subnets, groups []string, until functionState) {
	f.world.Lock()
	defer f.world.Unlock()
	p := &placement{account: account, subnets: subnets, groups: groups}
	f.placed[arn] = p
	f.connect(arn, p, until)
}

// connect gives a function its network interfaces: one per subnet, ready after a while.
func (f *Functions) connect(arn string, p *placement, until functionState) {
	p.state = until
	name := arn[strings.LastIndex(arn, ":")+1:]
	then := active
	for _, subnet := range p.subnets {
		i, err := f.vpcs.Attach(p.account, subnet, p.groups, "AWS Lambda VPC ENI-"+name+"-"+model.UUID(), netip.Addr{})
		if err != nil {
			then = functionState{state: "Failed", update: "Failed", code: "SubnetOutOfIPAddresses", reason: err.Error()}
			continue
		}
		p.vpc = i.VPC
		p.interfaces = append(p.interfaces, i)
	}
	f.world.After(f.world.Delays.FunctionInVPC, func() { p.state, p.used = then, time.Now() })
}

// interfaceLinger is how long Lambda keeps the network interfaces of a function that is gone: up to 20 minutes
// (docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html).
const interfaceLinger = 20 * time.Minute

// idleLimit is how long Lambda keeps a function's connection to its VPC for nothing
// (docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html: after 14 days the function is inactive).
const idleLimit = 14 * 24 * time.Hour

var inactive = functionState{state: "Inactive", reason: "The function is idle.", code: "Idle"}

// rest takes the network interfaces of a function away that nobody has invoked for long.
func (f *Functions) rest(p *placement) {
	if p.state != active || time.Since(p.used) < f.world.Scale(idleLimit) {
		return
	}
	p.state = inactive
	for _, i := range p.interfaces {
		f.vpcs.Detach(i.ID)
	}
	p.interfaces = nil
}

// wake gives an inactive function its network interfaces back.
func (f *Functions) wake(arn string) {
	f.world.Lock()
	defer f.world.Unlock()
	if p := f.placed[arn]; p != nil && p.state == inactive {
		f.connect(arn, p, functionState{state: "Pending", reason: "The function is being restored.", code: "Restoring"})
	}
}

func (f *Functions) withdraw(arn string) {
	f.world.Lock()
	defer f.world.Unlock()
	p := f.placed[arn]
	if p == nil {
		return
	}
	delete(f.placed, arn)
	f.world.After(interfaceLinger, func() {
		for _, i := range p.interfaces {
			f.vpcs.Detach(i.ID)
		}
	})
}

// stays says whether a function is where a new configuration puts it.
func (f *Functions) stays(arn string, subnets, groups []string) bool {
	f.world.Lock()
	defer f.world.Unlock()
	p := f.placed[arn]
	return p != nil && slices.Equal(p.subnets, subnets) && slices.Equal(p.groups, groups)
}

func (f *Functions) stateOf(arn string) (functionState, string, bool) {
	f.world.Lock()
	defer f.world.Unlock()
	p := f.placed[arn]
	if p == nil {
		return functionState{}, "", false
	}
	f.rest(p)
	return p.state, p.vpc, true
}

func (f *Functions) refusePending(w http.ResponseWriter, c Call, arn string) bool {
	state, _, _ := f.stateOf(arn)
	var e *wire.Error
	switch {
	case state.state == "Pending" || state.state == "Failed":
		e = wire.Errorf("ResourceConflictException",
			"The operation cannot be performed at this time. The function is currently in the following state: %s", state.state)
	case state.update == "InProgress" && c.Action != "Invoke":
		e = wire.Errorf("ResourceConflictException",
			"The operation cannot be performed at this time. An update is in progress for resource: %s", arn)
	default:
		return false
	}
	e.Status = http.StatusConflict
	lambdaService.Refuse(w, c.ID, e)
	return true
}

// refuseInactive fails the invocation that wakes an inactive function (API_Invoke, ResourceNotReadyException).
func (f *Functions) refuseInactive(w http.ResponseWriter, c Call, arn string) bool {
	if state, _, _ := f.stateOf(arn); state != inactive {
		return false
	}
	f.wake(arn)
	lambdaService.Refuse(w, c.ID, &wire.Error{
		Code: "ResourceNotReadyException", Status: http.StatusBadGateway,
		Message: "The function is inactive and its VPC connection is no longer available. " +
			"Wait for the VPC connection to reestablish and try again.",
	})
	return true
}

// use notes that a function is not idle.
func (f *Functions) use(arn string) {
	f.world.Lock()
	defer f.world.Unlock()
	if p := f.placed[arn]; p != nil {
		p.used = time.Now()
	}
}

func (f *Functions) overlaid(w http.ResponseWriter, r *http.Request, arn string, forward http.HandlerFunc) {
	answer := capture(forward, r)
	f.overlay(answer, arn)
	answer.send(w)
}

// overlay writes a function's state into an answer that shows its configuration.
func (f *Functions) overlay(answer *captured, arn string) {
	state, vpc, ok := f.stateOf(arn)
	if !ok {
		return
	}
	answer.change(func(all map[string]any) {
		config, nested := all["Configuration"].(map[string]any)
		if !nested {
			config = all
		}
		config["State"], config["LastUpdateStatus"] = state.state, state.update
		if state.update == "" {
			delete(config, "LastUpdateStatus")
		}
		prefix := "State"
		if state.state == "Active" {
			prefix = "LastUpdateStatus"
		}
		if state.reason != "" {
			config[prefix+"Reason"], config[prefix+"ReasonCode"] = state.reason, state.code
		}
		if placed, ok := config["VpcConfig"].(map[string]any); ok {
			placed["VpcId"] = vpc
		}
	})
}

// invoke hands an asynchronous invocation over once MiniStack says that the function exists.
func (f *Functions) invoke(w http.ResponseWriter, r *http.Request, c Call, arn string, forward http.HandlerFunc) {
	if f.refuseInactive(w, c, arn) || f.refusePending(w, c, arn) {
		return
	}
	f.use(arn)
	switch r.Header.Get("X-Amz-Invocation-Type") {
	case "Event":
	case "DryRun":
		forward(w, r)
		return
	default:
		f.run(w, r, arn, forward)
		return
	}
	payload, err := bodyOf(r, c.Service)
	if err != nil {
		lambdaService.Refuse(w, c.ID, err)
		return
	}
	r.Header.Set("X-Amz-Invocation-Type", "DryRun")
	answer := capture(forward, r)
	if answer.ok() {
		f.Later(r.Context(), arn, payload)
		answer.status = http.StatusAccepted
	}
	answer.header.Set("Content-Length", strconv.Itoa(answer.body.Len()))
	answer.send(w)
}

// lambdaService words refusals as Lambda does.
var lambdaService = &wire.Service{Name: "lambda", Protocol: "rest-json"}
