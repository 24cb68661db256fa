package rds

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

func deploymentInput() rds.CreateBlueGreenDeploymentInput {
	return rds.CreateBlueGreenDeploymentInput{BlueGreenDeploymentName: aws.String("upgrade"), Source: aws.String("arn:aws:rds:eu-central-1:111122223333:db:orders-prod")}
}

// deployed makes a deployment of orders-prod and waits until it can be switched over.
func (b *bed) deployed() types.BlueGreenDeployment {
	b.t.Helper()
	id := must(b, b.createBlueGreenDeployment, deploymentInput()).BlueGreenDeployment.BlueGreenDeploymentIdentifier
	return b.awaitDeployment(id, deployed)
}

func (b *bed) awaitDeployment(id *string, status string) (d types.BlueGreenDeployment) {
	b.t.Helper()
	b.await(status, func() bool {
		out, err := call(b, b.describeBlueGreenDeployments, rds.DescribeBlueGreenDeploymentsInput{BlueGreenDeploymentIdentifier: id})
		if err != nil || *out.BlueGreenDeployments[0].Status != status {
			return false // what was just made, a describe may miss
		}
		d = out.BlueGreenDeployments[0]
		return true
	})
	return d
}

func TestASwitchoverGivesTheGreenInstanceTheName(t *testing.T) {
	b := newBed(t)
	before := b.running()
	d := b.deployed()
	name, arn := *before.Endpoint.Address, *before.DBInstanceArn
	b.await("the green instance", func() bool {
		_, err := call(b, b.describeDBInstances, rds.DescribeDBInstancesInput{DBInstanceIdentifier: d.Target})
		return err == nil
	})
	blue, green := b.records[name].outside[0], must(b, b.describeDBInstances, rds.DescribeDBInstancesInput{DBInstanceIdentifier: d.Target}).DBInstances[0]
	if b.records[*green.Endpoint.Address].outside[0] == blue || *d.Source != arn || *d.SwitchoverDetails[0].TargetMember != *green.DBInstanceArn {
		t.Fatalf("%+v of %s, green %+v", d, arn, green)
	}

	must(b, b.switchoverBlueGreenDeployment, rds.SwitchoverBlueGreenDeploymentInput{BlueGreenDeploymentIdentifier: d.BlueGreenDeploymentIdentifier})
	d = b.awaitDeployment(d.BlueGreenDeploymentIdentifier, switchoverComplete)
	after := b.awaitStatus(available)
	if *after.DBInstanceArn != arn || *after.Endpoint.Address != name || *after.DbiResourceId != *green.DbiResourceId {
		t.Errorf("%s is %+v", arn, after)
	}
	if b.records[name].outside[0] == blue {
		t.Errorf("%s still leads to %s", name, blue)
	}
	if _, found := b.records[*green.Endpoint.Address]; found {
		t.Errorf("the green name still resolves")
	}
	old := must(b, b.describeDBInstances, rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String("orders-prod-old1")}).DBInstances[0]
	if *old.DbiResourceId != *before.DbiResourceId || b.records[*old.Endpoint.Address].outside[0] != blue {
		t.Errorf("the blue one is %+v", old)
	}
	if *d.Source != arn+"-old1" || *d.Target != arn || *d.SwitchoverDetails[0].SourceMember != arn+"-old1" {
		t.Errorf("the deployment is %+v", d)
	}
	b.awaitAction("green is " + name)
	b.awaitAction("is " + *old.Endpoint.Address)
}

func (b *bed) awaitAction(want string) {
	b.t.Helper()
	b.await(want, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return slices.Contains(b.actions, want)
	})
}

// RDS's events of a switchover name the deployment, and none of its databases: the sample of such an event in a test of
// aws-samples, and "RDS event categories and messages", blue/green deployment events.
func TestEventsOfASwitchoverAreAboutTheDeployment(t *testing.T) {
	b := newBed(t)
	b.running()
	d := b.deployed()
	b.world.Lock()
	seen := len(b.events) // what happens from here on is a switchover's
	b.world.Unlock()
	must(b, b.switchoverBlueGreenDeployment, rds.SwitchoverBlueGreenDeploymentInput{BlueGreenDeploymentIdentifier: d.BlueGreenDeploymentIdentifier})
	b.awaitDeployment(d.BlueGreenDeploymentIdentifier, switchoverComplete)
	b.world.Lock()
	defer b.world.Unlock()
	arn := "arn:aws:rds:eu-central-1:111122223333:deployment:" + *d.BlueGreenDeploymentIdentifier
	var ids []string
	for _, e := range b.events[seen:] {
		detail := e.Detail.(detail)
		ids = append(ids, detail.EventID)
		if e.DetailType != "RDS Blue Green Deployment Event" || detail.SourceType != "BLUE_GREEN_DEPLOYMENT" || detail.SourceArn != arn ||
			detail.SourceIdentifier != *d.BlueGreenDeploymentIdentifier || !slices.Equal(e.Resources, []string{arn}) {
			t.Errorf("got %+v", e)
		}
	}
	if want := []string{"RDS-EVENT-0247", "RDS-EVENT-0250", "RDS-EVENT-0251", "RDS-EVENT-0248"}; !slices.Equal(ids, want) {
		t.Errorf("events %v, want %v", ids, want)
	}
}

func TestBlueGreenDeploymentsAreRefused(t *testing.T) {
	for refusal, row := range map[string]struct {
		source string
		try    func(b *bed)
	}{
		"a source that does not exist": {"API_CreateBlueGreenDeployment, DBInstanceNotFound", func(b *bed) {
			in := deploymentInput()
			in.Source = aws.String("arn:aws:rds:eu-central-1:111122223333:db:nobody")
			refused(b, "DBInstanceNotFound", b.createBlueGreenDeployment, in)
		}},
		"a source by its identifier": {"API_CreateBlueGreenDeployment, Source: the ARN", func(b *bed) {
			in := deploymentInput()
			in.Source = aws.String("orders-prod")
			refused(b, "InvalidParameterValue", b.createBlueGreenDeployment, in)
		}},
		"a cluster": {"not modelled", func(b *bed) {
			in := deploymentInput()
			in.Source = aws.String("arn:aws:rds:eu-central-1:111122223333:cluster:orders")
			refused(b, "SourceClusterNotSupportedFault", b.createBlueGreenDeployment, in)
		}},
		"an engine that has none": {"RDS guide, Using Amazon RDS Blue/Green Deployments: MariaDB, MySQL and PostgreSQL only", func(b *bed) {
			b.instances["arn:aws:rds:eu-central-1:111122223333:db:orders-prod"].engine = "sqlserver-ex"
			refused(b, "SourceDatabaseNotSupportedFault", b.createBlueGreenDeployment, deploymentInput())
		}},
		"a name that is taken": {"API_CreateBlueGreenDeployment, BlueGreenDeploymentAlreadyExistsFault", func(b *bed) {
			b.deployed()
			refused(b, "BlueGreenDeploymentAlreadyExistsFault", b.createBlueGreenDeployment, deploymentInput())
		}},
		"another version": {"not modelled", func(b *bed) {
			in := deploymentInput()
			in.TargetEngineVersion = aws.String("18.1")
			refused(b, "InvalidParameterCombination", b.createBlueGreenDeployment, in)
		}},
		"a deployment that does not exist": {"API_SwitchoverBlueGreenDeployment, BlueGreenDeploymentNotFoundFault", func(b *bed) {
			refused(b, "BlueGreenDeploymentNotFoundFault", b.switchoverBlueGreenDeployment, rds.SwitchoverBlueGreenDeploymentInput{BlueGreenDeploymentIdentifier: aws.String("bgd-1")})
		}},
		"a second switchover": {"API_SwitchoverBlueGreenDeployment, InvalidBlueGreenDeploymentStateFault", func(b *bed) {
			in := rds.SwitchoverBlueGreenDeploymentInput{BlueGreenDeploymentIdentifier: b.deployed().BlueGreenDeploymentIdentifier}
			must(b, b.switchoverBlueGreenDeployment, in)
			refused(b, "InvalidBlueGreenDeploymentStateFault", b.switchoverBlueGreenDeployment, in)
		}},
		"less than half a minute": {"API_SwitchoverBlueGreenDeployment, SwitchoverTimeout: Minimum value of 30", func(b *bed) {
			refused(b, "InvalidParameterValue", b.switchoverBlueGreenDeployment, rds.SwitchoverBlueGreenDeploymentInput{
				BlueGreenDeploymentIdentifier: b.deployed().BlueGreenDeploymentIdentifier, SwitchoverTimeout: aws.Int32(29)})
		}},
	} {
		t.Run(refusal, func(t *testing.T) {
			b := newBed(t)
			b.running()
			row.try(b)
		})
	}
}
