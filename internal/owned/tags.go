package owned

import (
	"encoding/json"
	"maps"
	"os"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/internal/deployment"
)

// The keys of our tags. Every resource carries ManagedTag, and one that belongs to a single exposure the next two.
const (
	ManagedTag  = "rdslink:managed"  // whose it is: deployment.Name.Managed
	ExposureTag = "rdslink:exposure" // the exposure's id
	DatabaseTag = "rdslink:database" // the database's ARN
	VPCTag      = "rdslink:vpc"      // on what belongs to a VPC's resolver
)

// IngressTag is the one tag that is not ours: with it, and with the value IngressAllowed, people say that rdslink may change
// the ingress of a security group of theirs. It counts where the deployment asks for it (databaseGroups=tagged).
const (
	IngressTag     = "rdslink:ingress"
	IngressAllowed = "allowed"
)

// RuleTag is the key that an exposure puts on a security-group rule it needs. EC2 keeps one rule per (group, protocol, port,
// source), whoever asks, so a rule may serve several exposures and carries the tag of each.
func RuleTag(id string) string { return ExposureTag + ":" + id }

// The values of a RuleTag. An exposure that gives a rule up says so before it looks whom else the rule serves: whoever puts
// a tag of its own on the rule sees that, or is seen.
const (
	RuleServes  = "true"
	RuleLeaving = "leaving"
)

// An Owner is a deployment, as the owner of what its steps make.
type Owner struct {
	Name deployment.Name
	Tags map[string]string // the deployer's, for everything; they cannot displace ours
}

// ExposureTags are the tags of a resource of the exposure id. What is a link's is no single database's.
func (o Owner) ExposureTags(id, databaseARN string) map[string]string {
	tags := map[string]string{ExposureTag: id}
	if databaseARN != "" {
		tags[DatabaseTag] = databaseARN
	}
	return o.tags(tags)
}

// RuleTags are the tags of a security-group rule that the exposure id creates.
func (o Owner) RuleTags(id string) map[string]string {
	return o.tags(map[string]string{RuleTag(id): RuleServes})
}

// VPCTags are the tags of a VPC's resolver and its security group.
func (o Owner) VPCTags(vpcID string) map[string]string {
	return o.tags(map[string]string{VPCTag: vpcID})
}

func (o Owner) tags(more map[string]string) map[string]string {
	tags := map[string]string{}
	maps.Copy(tags, o.Tags)
	maps.Copy(tags, more)
	tags[ManagedTag] = o.Name.Managed()
	return tags
}

// Manages reports whether tags say that something is the owner's.
func (o Owner) Manages(tags map[string]string) bool { return tags[ManagedTag] == o.Name.Managed() }

// Has reports whether tags say that a resource is the owner's and belongs to the exposure id.
func (o Owner) Has(tags map[string]string, id string) bool {
	return o.Manages(tags) && tags[ExposureTag] == id
}

// EC2Tags lists tags for EC2, in the order of their keys.
func EC2Tags(tags map[string]string) []ec2types.Tag {
	list := make([]ec2types.Tag, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, ec2types.Tag{Key: &key, Value: new(tags[key])})
	}
	return list
}

// EC2TagSpecifications tags a resource of the given type as it is created.
func EC2TagSpecifications(resource ec2types.ResourceType, tags map[string]string) []ec2types.TagSpecification {
	return []ec2types.TagSpecification{{ResourceType: resource, Tags: EC2Tags(tags)}}
}

// ELBTags lists tags for ELB, in the order of their keys.
func ELBTags(tags map[string]string) []elbtypes.Tag {
	list := make([]elbtypes.Tag, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, elbtypes.Tag{Key: &key, Value: new(tags[key])})
	}
	return list
}

// FromEC2 is the reverse of EC2Tags.
func FromEC2(list []ec2types.Tag) map[string]string {
	tags := make(map[string]string, len(list))
	for _, tag := range list {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return tags
}

// FromELB is the reverse of ELBTags.
func FromELB(list []elbtypes.Tag) map[string]string {
	tags := make(map[string]string, len(list))
	for _, tag := range list {
		tags[*tag.Key] = ""
		if tag.Value != nil {
			tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
	}
	return tags
}

// OnlyTaggedGroups says whether the deployment asks for IngressTag, from DATABASE_GROUPS.
func OnlyTaggedGroups() bool { return os.Getenv(deployment.DatabaseGroups) == deployment.OnlyTagged }

// FromEnv is the owner that a function works for, from RDSLINK_NAME and from the JSON object in RDSLINK_TAGS: what the
// deployer wants on everything (service control policies may demand some). It panics when that is not an object of strings;
// only main functions call it.
func FromEnv() Owner {
	o := Owner{Name: deployment.Own()}
	if text := os.Getenv(deployment.Tags); text != "" {
		if err := json.Unmarshal([]byte(text), &o.Tags); err != nil {
			panic(deployment.Tags + ": " + err.Error())
		}
	}
	return o
}
