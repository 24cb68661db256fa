package rds

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/local/wire"
)

// serverlessClass is the class of an Aurora Serverless v2 instance. Its capacity is its cluster's to say.
const serverlessClass = "db.serverless"

const (
	mostCapacity = 256
	leastMaximum = 1
	leastPause   = 300 // seconds without a connection
	mostPause    = 24 * 60 * 60
)

// scaling is a capacity as it is described. With a minimum of 0 the instances pause, after five minutes unless it is said
// (docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ServerlessV2ScalingConfiguration.html; AuroraUserGuide,
// aurora-serverless-v2-auto-pause.html). Nothing pauses here: a paused instance is available, and wakes for who connects.
func scaling(engine string, in *types.ServerlessV2ScalingConfiguration) (*types.ServerlessV2ScalingConfigurationInfo, error) {
	if in == nil {
		return nil, nil
	}
	least, most := aws.ToFloat64(in.MinCapacity), aws.ToFloat64(in.MaxCapacity)
	halves := func(capacity float64) bool { return capacity*2 == float64(int(capacity*2)) }
	switch {
	case !(&cluster{engine: engine}).aurora():
		return nil, wire.Errorf("InvalidParameterCombination", "Serverless v2 scaling configuration isn't supported for engine %s.", engine)
	case in.MinCapacity == nil || in.MaxCapacity == nil:
		return nil, wire.Errorf("InvalidParameterValue", "Serverless v2 scaling configuration needs a minimum and a maximum capacity.")
	case least < 0 || least > mostCapacity || !halves(least):
		return nil, wire.Errorf("InvalidParameterValue", "Serverless v2 minimum capacity %v isn't valid.", least)
	case most < leastMaximum || most > mostCapacity || most < least || !halves(most):
		return nil, wire.Errorf("InvalidParameterValue", "Serverless v2 maximum capacity %v isn't valid.", most)
	}
	out := &types.ServerlessV2ScalingConfigurationInfo{
		MinCapacity: &least, MaxCapacity: &most, SecondsUntilAutoPause: in.SecondsUntilAutoPause,
	}
	pause := in.SecondsUntilAutoPause
	switch {
	case least > 0 && pause != nil:
		return nil, wire.Errorf("InvalidParameterCombination", "SecondsUntilAutoPause needs a minimum capacity of 0.")
	case pause != nil && (*pause < leastPause || *pause > mostPause):
		return nil, wire.Errorf("InvalidParameterValue", "SecondsUntilAutoPause %d isn't between %d and %d.", *pause, leastPause, mostPause)
	case least == 0 && pause == nil:
		out.SecondsUntilAutoPause = aws.Int32(leastPause)
	}
	return out, nil
}
