package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/deployment"
)

// home is where a template is deployed.
type home struct{ partition, region string }

// fills puts a home into a template, as CloudFormation does: pseudo parameters, Fn::Join and Fn::Sub.
func (p home) fills(value any) any {
	switch v := value.(type) {
	case []any:
		filled := make([]any, len(v))
		for i := range v {
			filled[i] = p.fills(v[i])
		}
		return filled
	case map[string]any:
		filled := map[string]any{}
		for key := range v {
			filled[key] = p.fills(v[key])
		}
		if len(filled) == 1 {
			return p.function(filled)
		}
		if substitutions, is := filled["DefinitionSubstitutions"].(map[string]any); is {
			for name, value := range substitutions {
				filled["DefinitionString"] = strings.ReplaceAll(filled["DefinitionString"].(string), "${"+name+"}", value.(string))
			}
		}
		return filled
	}
	return value
}

var placeholder = regexp.MustCompile(`\$\{AWS::(Partition|Region|URLSuffix)\}`)

// function is the value of an intrinsic function whose arguments are filled, or the object itself.
func (p home) function(object map[string]any) any {
	pseudo := map[string]string{"AWS::Partition": p.partition, "AWS::Region": p.region, "AWS::URLSuffix": "amazonaws.com"}
	for name, argument := range object {
		switch name {
		case "Ref":
			if value, is := pseudo[argument.(string)]; is {
				return value
			}
			return "<" + argument.(string) + ">"
		case "Fn::GetAtt":
			return "<attribute>"
		case "Fn::Sub":
			if text, is := argument.(string); is {
				return placeholder.ReplaceAllStringFunc(text, func(s string) string { return pseudo[s[2:len(s)-1]] })
			}
		case "Fn::Join":
			var parts []string
			for _, part := range argument.([]any)[1].([]any) {
				text, is := part.(string)
				if !is {
					text = "<value>"
				}
				parts = append(parts, text)
			}
			return strings.Join(parts, argument.([]any)[0].(string))
		}
	}
	return object
}

// texts are all strings in a value.
func texts(value any) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, item := range v {
			all = append(all, texts(item)...)
		}
		return all
	case map[string]any:
		var all []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			all = append(append(all, key), texts(v[key])...)
		}
		return all
	}
	return nil
}

// One template goes to both partitions. What it becomes in each differs in nothing but partition and region, and no ARN in
// it is of another partition: Step Functions refuses such a resource when the state runs, IAM the whole policy ("Partition
// "aws" is not valid for resource").
func TestTheTemplateIsOfThePartitionItIsDeployedTo(t *testing.T) {
	var document any
	text, err := json.Marshal(synthesized().template.ToJSON())
	if err != nil {
		t.Fatal(err)
	}
	// An option is the deployer's word, and is compared with the target at synthesis.
	text = bytes.ReplaceAll(text, []byte("arn:aws:iam::111122223333:role/approver"), []byte("<approver>"))
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	commercial, gov := home{"aws", "eu-central-1"}, home{"aws-us-gov", "us-gov-west-1"}
	there, here := texts(gov.fills(document)), texts(commercial.fills(document))
	if len(there) != len(here) || len(here) < 1000 {
		t.Fatalf("%d texts in %s, %d in %s", len(there), gov, len(here), commercial)
	}
	arn := regexp.MustCompile(`arn:[a-z-]*:`)
	arns := 0
	for i := range here {
		for _, found := range arn.FindAllString(there[i], -1) {
			if arns++; found != "arn:aws-us-gov:" {
				t.Errorf("in GovCloud: %s", there[i])
			}
		}
		if moved := strings.NewReplacer(gov.partition, commercial.partition, gov.region, commercial.region).Replace(there[i]); moved != here[i] {
			t.Errorf("in GovCloud %s, elsewhere %s", there[i], here[i])
		}
	}
	if arns < 100 {
		t.Errorf("only %d ARNs are in the template", arns)
	}
	definition := strings.Join(there, "\n")
	for _, want := range []string{
		"arn:aws-us-gov:states:::lambda:invoke", // the integration, not only the functions
		"dynamodb.us-gov-west-1.amazonaws.com",  // kms:ViaService has the same ending in both (KMS guide, "kms:ViaService")
		"arn:aws-us-gov:lambda:us-gov-west-1:<AWS::AccountId>:function:" + deployment.Unnamed.Function("ip-sync"),
	} {
		if !strings.Contains(definition, want) {
			t.Errorf("%s is not in the template", want)
		}
	}
}

// cdk writes what differs between partitions (names of services in trust policies) for those of its configuration.
func TestTheAppIsMadeForThePartitionsThatItTakes(t *testing.T) {
	var app struct {
		Context struct {
			Partitions []string `json:"@aws-cdk/core:target-partitions"`
		} `json:"context"`
	}
	text, err := os.ReadFile("../cdk.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &app); err != nil {
		t.Fatal(err)
	}
	if want := []string{"aws", "aws-us-gov"}; !slices.Equal(app.Context.Partitions, want) {
		t.Errorf("target partitions are %v, want %v", app.Context.Partitions, want)
	}
}
