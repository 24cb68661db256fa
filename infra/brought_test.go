package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"

	"github.com/rdslink/rdslink/internal/deployment"
)

const (
	boundaryARN = "arn:aws:iam::111122223333:policy/boundary"
	someKey     = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
)

// broughtRole is a role that the deployer gives.
func broughtRole(name string) string { return "arn:aws:iam::111122223333:role/team/byo-" + name }

func everyRole() map[string]string {
	roles := map[string]string{}
	for _, name := range roleNames() {
		roles[name] = broughtRole(name)
	}
	return roles
}

// everythingBrought is a stack that takes all it can from the account.
var everythingBrought = sync.OnceValue(func() synthesis {
	return synthesisOf(options{key: someKey, roles: everyRole(), permissionsBoundary: boundaryARN, tagged: true})
})

// partlyBrought has a role of each kind, and makes the rest.
var partlyBrought = sync.OnceValue(func() synthesis {
	return synthesisOf(options{permissionsBoundary: boundaryARN, roles: map[string]string{
		"observer": broughtRole("observer"), "allow-principals": broughtRole("allow-principals"), "resolver": broughtRole("resolver"), "setup": broughtRole("setup"),
	}})
})

// onlyTagged is a stack that makes everything.
var onlyTagged = sync.OnceValue(func() synthesis { return synthesisOf(options{tagged: true, patience: 10 * time.Minute}) })

func TestContextIsCheckedAtSynthesis(t *testing.T) {
	here := target{"111122223333", "eu-central-1"}
	for name, row := range map[string]struct {
		context map[string]any
		to      target
		want    string // empty: nothing is wrong
	}{
		"nothing":                              {nil, here, ""},
		"all of it":                            {map[string]any{"permissionsBoundary": boundaryARN, "key": someKey, "roles": `{"ip-sync":"` + broughtRole("x") + `"}`, "databaseGroups": "tagged"}, here, ""},
		"all of it, where no account is known": {map[string]any{"permissionsBoundary": boundaryARN, "key": someKey, "roles": `{"ip-sync":"` + broughtRole("x") + `"}`}, target{}, ""},
		"roles in cdk.json":                    {map[string]any{"roles": map[string]any{"setup": broughtRole("x")}}, here, ""},
		"a boundary of AWS's own":              {map[string]any{"permissionsBoundary": "arn:aws:iam::aws:policy/PowerUserAccess"}, here, ""},
		"a multi-region key":                   {map[string]any{"key": "arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"}, here, ""},
		"another partition, at home there":     {map[string]any{"permissionsBoundary": "arn:aws-us-gov:iam::111122223333:policy/boundary"}, target{"111122223333", "us-gov-west-1"}, ""},
		"a region that is not known yet":       {map[string]any{"permissionsBoundary": boundaryARN}, target{"111122223333", "eu-west-9"}, ""},
		"an approver of another account":       {map[string]any{"approvers": `["arn:aws:iam::999988887777:role/approver"]`}, here, ""},

		"a boundary that is a role": {map[string]any{"permissionsBoundary": broughtRole("x")}, here, `context permissionsBoundary: "` + broughtRole("x") + `" is not the ARN of a managed policy`},
		"a boundary of another account": {map[string]any{"permissionsBoundary": "arn:aws:iam::999988887777:policy/boundary"}, here,
			"context permissionsBoundary: arn:aws:iam::999988887777:policy/boundary belongs to account 999988887777, and the stack goes to 111122223333"},
		"a boundary of another partition": {map[string]any{"permissionsBoundary": "arn:aws-cn:iam::aws:policy/PowerUserAccess"}, here, "is of partition aws-cn, and eu-central-1 is in aws"},
		"a boundary that is no string":    {map[string]any{"permissionsBoundary": 7}, here, "context permissionsBoundary: 7 is not a string"},
		"an alias for a key":              {map[string]any{"key": "arn:aws:kms:eu-central-1:111122223333:alias/rdslink"}, here, "an alias will not do"},
		"a key of another region":         {map[string]any{"key": someKey}, target{"111122223333", "us-east-1"}, "is in region eu-central-1, and the stack goes to us-east-1"},
		"a key of another account":        {map[string]any{"key": someKey}, target{"999988887777", "eu-central-1"}, "context key: " + someKey + " belongs to account 111122223333"},
		"a role under no name":            {map[string]any{"roles": `{"ip-snyc":"` + broughtRole("x") + `"}`}, here, `context roles: the stack has no role "ip-snyc"; did you mean ip-sync?`},
		"a role under a name of nothing":  {map[string]any{"roles": `{"zebra":"` + broughtRole("x") + `"}`}, here, "its roles are accept-the-connection, "},
		"a user for a role": {map[string]any{"roles": `{"ip-sync":"arn:aws:iam::111122223333:user/ip-sync"}`}, here,
			`context roles: ip-sync: "arn:aws:iam::111122223333:user/ip-sync" is not the ARN of a role`},
		"a role's name instead of its ARN": {map[string]any{"roles": `{"ip-sync":"ip-sync"}`}, here, "is not the ARN of a role, such as arn:aws:iam::111122223333:role/ip-sync"},
		"a role's session":                 {map[string]any{"roles": `{"ip-sync":"arn:aws:sts::111122223333:assumed-role/ip-sync/me"}`}, here, "is not the ARN of a role"},
		"an account of eleven digits":      {map[string]any{"roles": `{"ip-sync":"arn:aws:iam::11112222333:role/ip-sync"}`}, here, "is not the ARN of a role"},
		"a role of another account": {map[string]any{"roles": `{"ip-sync":"arn:aws:iam::999988887777:role/ip-sync"}`}, here,
			"context roles: ip-sync: arn:aws:iam::999988887777:role/ip-sync belongs to account 999988887777"},
		"a role of another partition": {map[string]any{"roles": `{"ip-sync":"arn:aws-us-gov:iam::111122223333:role/ip-sync"}`}, here, "is of partition aws-us-gov"},
		"one role for two": {map[string]any{"roles": `{"ip-sync":"` + broughtRole("x") + `","observer":"` + broughtRole("x") + `"}`}, here,
			"context roles: ip-sync and observer have the same role"},
		"roles that are no object":         {map[string]any{"roles": `["` + broughtRole("x") + `"]`}, here, "context roles: "},
		"roles that are no JSON":           {map[string]any{"roles": `ip-sync=x`}, here, "context roles: "},
		"groups of another kind":           {map[string]any{"databaseGroups": "some"}, here, `context databaseGroups: "some" is neither any nor tagged`},
		"patience, usual":                  {map[string]any{"patience": "5m"}, here, ""},
		"patience, more":                   {map[string]any{"patience": "15m"}, here, ""},
		"patience of a faster cloud":       {map[string]any{"patience": "5s"}, here, ""},
		"patience in words":                {map[string]any{"patience": "long"}, here, `context patience "long" is no duration, such as 5m`},
		"patience without a unit":          {map[string]any{"patience": "5"}, here, `context patience "5" is no duration`},
		"patience as a number":             {map[string]any{"patience": 5}, here, "context patience: 5 is not a string"},
		"patience that no five ticks fit":  {map[string]any{"patience": "2m"}, here, `context patience "2m": it is from 5m0s`},
		"patience that is none":            {map[string]any{"patience": "-1s"}, here, `context patience "-1s": it is from 5m0s`},
		"patience of days":                 {map[string]any{"patience": "24h"}, here, `context patience "24h": it is from 5m0s`},
		"an approver who is no role":       {map[string]any{"approvers": `["alice"]`}, here, `context approvers: "alice" is not the ARN of a role`},
		"an approver of another partition": {map[string]any{"approvers": `["arn:aws-us-gov:iam::111122223333:role/approver"]`}, here, "is of partition aws-us-gov, and eu-central-1 is in aws"},
		"all that is wrong at once":        {map[string]any{"permissionsBoundary": "x", "key": "y"}, here, "context key: "},
	} {
		t.Run(name, func(t *testing.T) {
			app := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false), Context: &row.context})
			_, err := contextOptions(app.Node(), row.to)
			switch {
			case row.want == "" && err != nil:
				t.Error(err)
			case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want) || !strings.HasPrefix(err.Error(), "context ")):
				t.Errorf("error = %v, want %q", err, row.want)
			}
		})
	}
}

func TestOtherPartitionsAreRefused(t *testing.T) {
	for region, want := range map[string]string{
		"eu-central-1": "", "us-gov-west-1": "", "us-gov-east-1": "", "": "",
		"cn-north-1": "aws-cn", "cn-northwest-1": "aws-cn", "us-iso-east-1": "aws-iso", "us-isob-east-1": "aws-iso-b", "eusc-de-east-1": "aws-eusc",
	} {
		app := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false)})
		_, err := contextOptions(app.Node(), target{"111122223333", region})
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", region, err)
		case want != "" && (err == nil || !strings.HasPrefix(err.Error(), "region "+region+" is in the partition "+want+", and rdslink runs in")):
			t.Errorf("%s: error = %v, want the partition %s named", region, err, want)
		}
	}
}

func TestTheBoundaryIsOnEveryRole(t *testing.T) {
	roles := partlyBrought().json.ofType("AWS::IAM::Role")
	if want := len(roleNames()) - 4; len(roles) != want {
		t.Errorf("%d roles, want %d", len(roles), want)
	}
	for id, role := range roles {
		if role.Properties["PermissionsBoundary"] != boundaryARN {
			t.Errorf("%s has the boundary %v", id, role.Properties["PermissionsBoundary"])
		}
	}
	for id, role := range synthesized().json.ofType("AWS::IAM::Role") {
		if role.Properties["PermissionsBoundary"] != nil {
			t.Errorf("without the option, %s has the boundary %v", id, role.Properties["PermissionsBoundary"])
		}
	}
}

func TestAStackWithEveryRoleMakesNothingInIAM(t *testing.T) {
	for id, r := range everythingBrought().json.Resources {
		if strings.HasPrefix(r.Type, "AWS::IAM::") || r.Type == "AWS::Logs::ResourcePolicy" {
			t.Errorf("%s is a %s", id, r.Type)
		}
	}
}

// uses lists who has which role.
func uses(s synthesis) map[string]any {
	roles := map[string]any{}
	for _, f := range s.json.ofType("AWS::Lambda::Function") {
		roles[strings.TrimPrefix(f.Properties["FunctionName"].(string), "rdslink-")] = f.Properties["Role"]
		variables := f.Properties["Environment"].(map[string]any)["Variables"].(map[string]any)
		roles[resolverName] = variables["RESOLVER_ROLE_ARN"]
		roles[schedulesName] = variables["SCHEDULE_ROLE_ARN"]
		roles[flowLogsName] = variables["FLOW_LOG_ROLE_ARN"]
	}
	for _, m := range s.json.ofType("AWS::StepFunctions::StateMachine") {
		_, name, _ := strings.Cut(m.Properties["StateMachineName"].(string), "-")
		roles[name] = m.Properties["RoleArn"]
	}
	return roles
}

func TestGivenRolesAreUsed(t *testing.T) {
	all := uses(everythingBrought())
	if names := slices.Sorted(maps.Keys(all)); !slices.Equal(names, roleNames()) {
		t.Errorf("roles are %v, want %v", names, roleNames())
	}
	for name, role := range all {
		if role != broughtRole(name) {
			t.Errorf("%s has %v, want %s", name, role, broughtRole(name))
		}
	}
	for _, schedule := range everythingBrought().json.ofType("AWS::Scheduler::Schedule") {
		if role := schedule.Properties["Target"].(map[string]any)["RoleArn"]; role != broughtRole(schedulesName) {
			t.Errorf("a schedule has the role %v", role)
		}
	}
	for name, role := range uses(partlyBrought()) {
		_, made := role.(map[string]any)
		if given := partlyBrought().options.roles[name] != ""; made == given {
			t.Errorf("%s has %v", name, role)
		}
	}
}

// What the observer may say on the bus follows its role, whoever made that.
func TestTheBusKnowsAGivenObserver(t *testing.T) {
	for _, policy := range everythingBrought().json.ofType("AWS::Events::EventBusPolicy") {
		text, _ := json.Marshal(policy.Properties)
		if !strings.Contains(string(text), broughtRole("observer")) {
			t.Errorf("the policy says %s", text)
		}
	}
}

// The key that the stack makes has no ARN yet when a given role's policies are written.
func TestOurKeyAdmitsGivenRoles(t *testing.T) {
	for _, key := range partlyBrought().json.ofType("AWS::KMS::Key") {
		text, _ := json.Marshal(key.Properties["KeyPolicy"])
		for name, admitted := range map[string]bool{"observer": true, "allow-principals": true, "setup": false, "resolver": false} {
			if strings.Contains(string(text), broughtRole(name)+`"`) != admitted {
				t.Errorf("%s is admitted: %v, the policy is %s", name, !admitted, text)
			}
		}
	}
}

func TestAGivenKeyIsUsedAndNoneIsMade(t *testing.T) {
	s := everythingBrought().json
	if made := s.ofType("AWS::KMS::Key"); len(made) > 0 {
		t.Errorf("made %v", made)
	}
	for id, table := range s.ofType("AWS::DynamoDB::Table") {
		if key := table.Properties["SSESpecification"].(map[string]any)["KMSMasterKeyId"]; key != someKey {
			t.Errorf("%s has the key %v", id, key)
		}
	}
	for id, topic := range s.ofType("AWS::SNS::Topic") {
		// The operators hear of a key that cannot be used.
		var want any = someKey
		if strings.HasPrefix(id, "Operators") {
			want = nil
		}
		if key := topic.Properties["KmsMasterKeyId"]; key != want {
			t.Errorf("%s has the key %v", id, key)
		}
	}
}

func TestFunctionsMayUseAGivenKey(t *testing.T) {
	s := synthesisOf(options{key: someKey})
	for _, name := range []string{"gather-rds-details", "observer", "on-stack-change"} {
		id := s.logicalID(s.roles[name])
		found := slices.ContainsFunc(slices.Collect(maps.Values(s.json.ofType("AWS::IAM::Policy"))), func(p resource) bool {
			text, _ := json.Marshal(p.Properties)
			return strings.Contains(string(text), `"Ref":"`+id+`"`) && strings.Contains(string(text), `"kms:Decrypt"`) && strings.Contains(string(text), `"Resource":"`+someKey+`"`)
		})
		if !found {
			t.Errorf("%s may not use the key", name)
		}
	}
}

// ingress are the conditions under which a template lets somebody change the ingress of security groups that it did not
// make.
func ingress(s template) (conditions []any) {
	const ours = `{"StringEquals":{"aws:ResourceTag/rdslink:managed":"true"}}`
	for _, policy := range s.ofType("AWS::IAM::Policy") {
		for _, statement := range policy.Properties["PolicyDocument"].(map[string]any)["Statement"].([]any) {
			s := statement.(map[string]any)
			if text, _ := json.Marshal(s["Condition"]); slices.Contains(actions(s), "ec2:RevokeSecurityGroupIngress") && string(text) != ours {
				conditions = append(conditions, s["Condition"])
			}
		}
	}
	return conditions
}

func TestDatabaseGroups(t *testing.T) {
	text, _ := json.Marshal(ingress(synthesized().json))
	both := func(condition string) string { return "[" + condition + "," + condition + "]" }       // of setup and removal
	if want := both(`{"Null":{"aws:ResourceTag/rdslink:managed":"true"}}`); string(text) != want { // what a stack made is no database's
		t.Errorf("any: ingress changes under %s, want %s", text, want)
	}
	s := onlyTagged()
	text, _ = json.Marshal(ingress(s.json))
	if want := both(`{"Null":{"aws:ResourceTag/rdslink:managed":"true"},"StringEquals":{"aws:ResourceTag/rdslink:ingress":"allowed"}}`); string(text) != want {
		t.Errorf("tagged: ingress changes under %s, want %s", text, want)
	}
	s.template.AllResourcesProperties(jsii.String("AWS::Lambda::Function"), map[string]any{
		"Environment": map[string]any{"Variables": assertions.Match_ObjectLike(&map[string]any{"DATABASE_GROUPS": "tagged", "RDSLINK_PATIENCE": "10m0s"})},
	})
}

func TestNoFindingsWhateverIsBrought(t *testing.T) {
	for _, s := range []synthesis{everythingBrought(), partlyBrought(), finances()} {
		for _, m := range *assertions.Annotations_FromStack(s.stack).FindError(jsii.String("*"), assertions.Match_AnyValue()) {
			t.Errorf("%s: %v", *m.Id, m.Entry.Data) //nolint:staticcheck // FindError returns nothing else yet
		}
	}
}

// What `make roles` prints is what the stack itself would have made, with nothing of a template's left in it.
func TestRequiredRolesAreThoseThatTheStackMakes(t *testing.T) {
	s := onlyTagged()
	to := target{"111122223333", "eu-central-1"}
	for name, o := range map[string]options{"nothing else": {}, "a key and another role": {key: someKey, roles: map[string]string{"resolver": broughtRole("resolver")}}} {
		t.Run(name, func(t *testing.T) {
			needs := s.required(s.json, o, to)
			if names := slices.Sorted(maps.Keys(needs.Roles)); !slices.Equal(names, roleNames()) {
				t.Errorf("roles %v, want %v", names, roleNames())
			}
			document, err := json.Marshal(needs)
			if err != nil {
				t.Fatal(err)
			}
			text := string(document)
			for _, foreign := range []string{`"Fn::`, `"Ref"`, "${", "ACCOUNT", "REGION"} {
				if strings.Contains(text, foreign) {
					t.Errorf("%q is left in %s", foreign, text)
				}
			}
			if strings.Contains(text, `"Resource":"`+someKey) != (o.key != "") {
				t.Error("the key is not where it belongs")
			}
			pass, _ := json.Marshal(needs.Roles["resolve-private-ip"].Permissions)
			if want := `"arn:aws:iam::111122223333:role/`; o.key == "" && !strings.Contains(string(pass), want+deployment.Unnamed.Stack()+"-ResolverRole") ||
				o.key != "" && !strings.Contains(string(pass), `"`+broughtRole("resolver")+`"`) {
				t.Errorf("step 2 may pass %s", pass)
			}
			for _, name := range []string{"rdslink-operator-eu-central-1", "rdslink-approver-eu-central-1", "rdslink-confirmer-eu-central-1"} {
				if needs.Policies[name] == nil {
					t.Errorf("no policy %s among %v", name, needs.Policies)
				}
			}
			if policy, _ := json.Marshal(needs.KeyPolicy); strings.Count(string(policy), ".amazonaws.com") != strings.Count(string(policy), "vpce.amazonaws.com") ||
				!strings.Contains(string(policy), "vpce.amazonaws.com") {
				t.Errorf("the key's policy speaks of other services than vpce, or not of that: %s", policy)
			}
		})
	}
}

func TestWhatIsTrustedIsWhatTheStackTrusts(t *testing.T) {
	s := synthesized()
	for _, name := range roleNames() {
		text, _ := json.Marshal(s.json.Resources[s.logicalID(s.roles[name])].Properties["AssumeRolePolicyDocument"])
		if !strings.Contains(string(text), `"Service":"`+trusted(name)+`"`) {
			t.Errorf("%s: %s does not speak of %s", name, text, trusted(name))
		}
	}
}
