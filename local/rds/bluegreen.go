package rds

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// deployment is a blue/green deployment of a DB instance: a green instance beside the blue one, which gets the blue one's
// data when they are switched over, and its name. What follows the name has another address then, another resource id, and
// for a while a certificate of another name.
type deployment struct {
	resource    // its id is made by RDS: bgd-…
	name        string
	blue, green *instance
}

// The statuses of a deployment and of its members (API_BlueGreenDeployment, API_SwitchoverDetail).
const (
	provisioning       = "PROVISIONING"
	deployed           = "AVAILABLE"
	switchoverRuns     = "SWITCHOVER_IN_PROGRESS"
	switchoverComplete = "SWITCHOVER_COMPLETED"
)

// renaming is an instance's status while it is switched over.
const renaming = "renaming"

// switchable are the engines of instances that can be blue and green
// (AmazonRDS/latest/UserGuide/blue-green-deployments.html).
var switchable = []string{"mariadb", "mysql", "postgres"}

func (s *Service) createBlueGreenDeployment(
	ctx context.Context, in *rds.CreateBlueGreenDeploymentInput,
) (*rds.CreateBlueGreenDeploymentOutput, error) {
	if err := s.validateDeployment(ctx, in); err != nil {
		return nil, err
	}
	blue, err := s.idle(ctx, in.Source)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(switchable, blue.engine) {
		return nil, wire.Errorf("SourceDatabaseNotSupportedFault",
			"The source DB instance %s isn't supported for a blue/green deployment.", blue.id)
	}
	if blue.tokens {
		return nil, wire.Errorf("SourceDatabaseNotSupportedFault",
			"The local cloud makes no blue/green deployment of a DB instance with IAM database authentication")
	}
	green := s.beside(blue)
	if green.nic, err = s.attach(green, green.zone); err != nil {
		return nil, err
	}
	s.instances[green.arn] = green
	d := &deployment{
		resource: s.newResource(blue.account, "deployment", "bgd-"+model.Hex(16), tags(nil).with(in.Tags)),
		name:     *in.BlueGreenDeploymentName, blue: blue, green: green,
	}
	d.status = provisioning
	s.deployments[d.arn] = d
	s.deploy(d)
	return &rds.CreateBlueGreenDeploymentOutput{BlueGreenDeployment: d.describe()}, nil
}

var deploymentName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9]*(-[a-zA-Z0-9]+)*$`)

func (s *Service) validateDeployment(ctx context.Context, in *rds.CreateBlueGreenDeploymentInput) error {
	name := aws.ToString(in.BlueGreenDeploymentName)
	if !deploymentName.MatchString(name) || len(name) > 60 {
		return wire.Errorf("InvalidParameterValue", "The parameter BlueGreenDeploymentName is not a valid name.")
	}
	for _, d := range s.deployments {
		if d.name == name && d.account == wire.CallerOf(ctx).Account {
			return wire.Errorf("BlueGreenDeploymentAlreadyExistsFault", "A blue/green deployment with the specified name %s already exists.", name)
		}
	}
	switch source := aws.ToString(in.Source); {
	case strings.Contains(source, ":cluster:"):
		return wire.Errorf("SourceClusterNotSupportedFault", "The local cloud has no blue/green deployments of DB clusters: %s", source)
	case !strings.Contains(source, ":db:"):
		return wire.Errorf("InvalidParameterValue", "The parameter Source must be the ARN of a DB instance or DB cluster.")
	}
	rest := *in
	rest.BlueGreenDeploymentName, rest.Source, rest.Tags = nil, nil, nil
	if !reflect.DeepEqual(rest, rds.CreateBlueGreenDeploymentInput{}) {
		return wire.Errorf("InvalidParameterCombination",
			"The local cloud makes the green environment as the blue one is: it takes name, source and tags only")
	}
	return nil
}

// beside is a green instance: like the blue one, with a name and an address of its own.
func (s *Service) beside(blue *instance) *instance {
	green := *blue
	green.resource = s.newResource(blue.account, "db", blue.id+"-green-"+model.Hex(6), slices.Clone(blue.tags))
	green.resourceID = "db-" + strings.ToUpper(model.Hex(26))
	green.groups = slices.Clone(blue.groups)
	green.server, green.reachable = nil, false
	return &green
}

// deploy makes the green server.
func (s *Service) deploy(d *deployment) {
	blue, green := d.blue.server, d.green
	id, name, vpc, at := green.resourceID, s.endpoint(green), green.subnetGroup.vpc, green.addrPort()
	var server Server
	s.work(&green.resource, s.world.Delays.DatabaseCreation, func(ctx context.Context) (err error) {
		if server, err = s.engine.Copy(blue, id, name); err != nil {
			return err
		}
		if err := server.Start(ctx, vpc, at); err != nil {
			return errors.Join(err, server.Delete())
		}
		return nil
	}, func() {
		green.server, green.status, d.status = server, available, deployed
		s.publishName(green)
		s.publish(&green.resource, instanceCreated)
		s.publish(&d.resource, deploymentCreated)
	})
}

func (s *Service) describeBlueGreenDeployments(
	ctx context.Context, in *rds.DescribeBlueGreenDeploymentsInput,
) (*rds.DescribeBlueGreenDeploymentsOutput, error) {
	by, err := filters(in.Filters, "blue-green-deployment-identifier", "blue-green-deployment-name", "source", "target")
	if err != nil {
		return nil, err
	}
	found, err := described(ctx, s, s.deployments, in.BlueGreenDeploymentIdentifier, s.deployment, deploymentNotFound)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(d *deployment) bool {
		return !matches(map[string][]string{"blue-green-deployment-identifier": {d.id}, "blue-green-deployment-name": {d.name},
			"source": {d.blue.arn}, "target": {d.green.arn}}, by)
	})
	found, next, err := page(found, func(d *deployment) string { return d.arn }, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeBlueGreenDeploymentsOutput{Marker: next}
	for _, d := range found {
		out.BlueGreenDeployments = append(out.BlueGreenDeployments, *d.describe())
	}
	return out, nil
}

// describe names the databases as they are called now: source and target change their names in a switchover (awscli,
// examples/rds/describe-blue-green-deployments.rst).
func (d *deployment) describe() *types.BlueGreenDeployment {
	member := types.SwitchoverDetail{SourceMember: aws.String(d.blue.arn), Status: aws.String(d.status)}
	described := &types.BlueGreenDeployment{
		BlueGreenDeploymentIdentifier: aws.String(d.id), BlueGreenDeploymentName: aws.String(d.name), Source: aws.String(d.blue.arn),
		Status: aws.String(d.status), CreateTime: &d.created, TagList: slices.Clone(d.tags),
	}
	if d.status != provisioning {
		described.Target, member.TargetMember = aws.String(d.green.arn), aws.String(d.green.arn)
	}
	described.SwitchoverDetails = []types.SwitchoverDetail{member}
	return described
}

func (s *Service) switchoverBlueGreenDeployment(
	ctx context.Context, in *rds.SwitchoverBlueGreenDeploymentInput,
) (*rds.SwitchoverBlueGreenDeploymentOutput, error) {
	d, err := s.deployment(ctx, aws.ToString(in.BlueGreenDeploymentIdentifier))
	if err != nil {
		return nil, err
	}
	if in.SwitchoverTimeout != nil && *in.SwitchoverTimeout < 30 {
		return nil, wire.Errorf("InvalidParameterValue", "The SwitchoverTimeout must be at least 30 seconds.")
	}
	if d.status != deployed || d.blue.status != available || d.green.status != available {
		return nil, wire.Errorf("InvalidBlueGreenDeploymentStateFault",
			"The blue/green deployment %s can't be switched over: it is %s, %s is %s and %s is %s.", d.id, d.status,
			d.blue.id, d.blue.status, d.green.id, d.green.status)
	}
	d.status, d.blue.status, d.green.status = switchoverRuns, renaming, renaming
	s.publish(&d.resource, switchoverStarted(d))
	s.publish(&d.resource, memberSwitchoverStarted(d))
	blue, green := d.blue.server, d.green.server
	s.work(&d.resource, s.world.Delays.Switchover, func(context.Context) error {
		blue.Stop()
		green.Stop()
		return s.engine.Take(green, blue)
	}, func() { s.exchange(d) })
	return &rds.SwitchoverBlueGreenDeploymentOutput{BlueGreenDeployment: d.describe()}, nil
}

// exchange starts both under their new names: the green one has the blue one's, which ends in -old1 now. Whoever asks for
// the blue one's ARN finds the green one from then on, and proxies lead there.
func (s *Service) exchange(d *deployment) {
	blue, green := d.blue.start(), d.green.start()
	s.work(&d.resource, 0, func(ctx context.Context) error { return errors.Join(blue(ctx), green(ctx)) }, func() {
		name, was := d.blue.id, d.green.id
		s.names.Delete(s.endpoint(d.green))
		delete(s.instances, d.green.arn)
		s.rename(d.blue, s.old(d.blue))
		s.rename(d.green, name)
		for _, p := range s.proxies {
			if p.instance == d.blue {
				p.instance = d.green
			}
		}
		d.status, d.blue.status, d.green.status = switchoverComplete, available, available
		s.publish(&d.resource, memberSwitchoverCompleted(d, was))
		s.publish(&d.resource, switchoverCompleted)
		s.renewCertificates(d)
	})
}

func (s *Service) rename(i *instance, id string) {
	delete(s.instances, i.arn)
	i.id, i.arn = id, s.arn(i.account, "db", id)
	s.instances[i.arn] = i
	s.publishName(i)
}

// old is the blue instance's new name.
func (s *Service) old(blue *instance) string {
	for n := 1; ; n++ {
		if id := fmt.Sprintf("%s-old%d", blue.id, n); s.instances[s.arn(blue.account, "db", id)] == nil {
			return id
		}
	}
}

// renewCertificates has both servers present the names that they have now: RDS regenerates certificates for the new host
// names (aws/aws-advanced-go-wrapper#230) some time after it gave them.
func (s *Service) renewCertificates(d *deployment) {
	blue, blueName, green, greenName := d.blue.server, s.endpoint(d.blue), d.green.server, s.endpoint(d.green)
	s.work(&d.resource, s.world.Delays.CertificateRenewal, func(context.Context) error {
		return errors.Join(s.engine.Rename(blue, blueName), s.engine.Rename(green, greenName))
	}, func() {})
}

// deployment finds the caller's deployment by its id.
func (s *Service) deployment(ctx context.Context, id string) (*deployment, error) {
	if d, ok := find(ctx, s, "deployment", s.deployments, id); ok {
		return d, nil
	}
	return nil, deploymentNotFound(id)
}

func deploymentNotFound(id string) error {
	return notFound("BlueGreenDeploymentNotFoundFault", "BlueGreenDeployment %s not found.", id)
}
