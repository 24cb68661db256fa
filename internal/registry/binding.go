package registry

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Binding is what a tick of the sync needs to know. Step 3 makes it, step 10 adds the way through the load balancer, and a
// schedule carries it as its input, so that a broken registry does not stop steady ticks.
type Binding struct {
	Exposure         string   `json:"exposure"`
	DatabaseARN      string   `json:"databaseArn"`
	DatabaseKind     string   `json:"databaseKind"`
	Endpoint         string   `json:"endpoint"`
	Engine           string   `json:"engine"`
	Host             string   `json:"host"`
	Port             int      `json:"port"`
	VPCID            string   `json:"vpcId"`
	VPCCIDRs         []string `json:"vpcCidrs"`
	ResolverFunction string   `json:"resolverFunction"`
	TargetGroupARN   string   `json:"targetGroupArn"`
	// The port of the listener, and the addresses of the load balancer's nodes. Absent in what an earlier version made: then no
	// path is tried.
	ListenerPort int      `json:"listenerPort,omitempty"`
	Nodes        []string `json:"nodes,omitempty"`
}

// MarshalDynamoDBAttributeValue keeps a binding as the JSON that its schedule carries.
func (b Binding) MarshalDynamoDBAttributeValue() (types.AttributeValue, error) {
	text, err := json.Marshal(b)
	return &types.AttributeValueMemberB{Value: text}, err
}

// UnmarshalDynamoDBAttributeValue is the reverse of MarshalDynamoDBAttributeValue.
func (b *Binding) UnmarshalDynamoDBAttributeValue(value types.AttributeValue) error {
	text, ok := value.(*types.AttributeValueMemberB)
	if !ok {
		return fmt.Errorf("decode binding: %T is no JSON", value)
	}
	if err := json.Unmarshal(text.Value, b); err != nil {
		return fmt.Errorf("decode binding: %w", err)
	}
	return nil
}
