//! Every operation there is, so that what should hold for all of them can be held against all of them.

use crate::Operation;

/// Hands every operation to the macro `each`, as `module: Name Name …;` for each module.
///
/// A list of names rather than of values: what is made of an operation's types is made where it is needed, and nobody
/// else pays for it.
#[macro_export]
macro_rules! for_each_operation {
    ($each:ident) => {
        $each! {
            acm:
                AddTagsToCertificate DeleteCertificate DescribeCertificate DescribeTrust ExportCertificate GetCertificate
                GetKeyPair ImportCertificate IssueIdentity ListCertificates ListTagsForCertificate
                RemoveTagsFromCertificate RenewCertificate RequestCertificate UpdateCertificateOptions;
            acmpca:
                CreateCertificateAuthority CreatePermission DeleteCertificateAuthority DeletePermission
                DescribeCertificateAuthority GetCertificate GetCertificateAuthorityCertificate
                GetCertificateAuthorityCsr ImportCertificateAuthorityCertificate IssueCertificate
                ListCertificateAuthorities ListPermissions ListTags RestoreCertificateAuthority
                TagCertificateAuthority UntagCertificateAuthority UpdateCertificateAuthority;
            appmesh:
                CreateGatewayRoute CreateMesh CreateRoute CreateVirtualGateway CreateVirtualNode CreateVirtualRouter
                CreateVirtualService DeleteGatewayRoute DeleteMesh DeleteRoute DeleteVirtualGateway DeleteVirtualNode
                DeleteVirtualRouter DeleteVirtualService DescribeGatewayRoute DescribeMesh DescribeRoute
                DescribeRouteStatus DescribeVirtualGateway DescribeVirtualNode DescribeVirtualRouter
                DescribeVirtualService InjectFault ListFaults ListGatewayRoutes ListMeshes ListProxies ListRoutes
                ListTagsForResource ListTrials ListTurnedAwayProxies ListVirtualGateways ListVirtualNodes
                ListVirtualRouters ListVirtualServices PutTrial RemoveFault RemoveTrial TagResource UntagResource
                UpdateGatewayRoute UpdateMesh UpdateRoute UpdateVirtualGateway UpdateVirtualNode UpdateVirtualRouter
                UpdateVirtualService;
            canary:
                ApproveByLink CheckCanaryPolicy CommandCanary DescribeApproval DescribeCanary DescribeRehearsal
                GetCanaryRecord ListCanaries StartCanary StartRehearsal StartServiceCanary StopRehearsal;
            cloudformation:
                CancelUpdateStack ContinueUpdateRollback CreateChangeSet CreateStack DeleteChangeSet DeleteStack
                DescribeChangeSet DescribeStackEvents DescribeStackResource DescribeStackResources DescribeStacks
                ExecuteChangeSet GetTemplate GetTemplateSummary ListChangeSets ListExports ListImports
                ListStackResources ListStacks RollbackStack UpdateStack UpdateTerminationProtection
                ValidateTemplate;
            cloudwatch:
                DeleteAlarms DescribeAlarmHistory DescribeAlarms DescribeAlarmsForMetric DisableAlarmActions
                EnableAlarmActions GetMetricData GetMetricStatistics ListMetrics ListTagsForResource PutMetricAlarm
                PutMetricData SetAlarmState TagResource UntagResource;
            ec2:
                AssociateRouteTable AttachInternetGateway AuthorizeSecurityGroupEgress
                AuthorizeSecurityGroupIngress CreateInternetGateway CreateNetworkInterface CreateRoute
                CreateRouteTable CreateSecurityGroup CreateSubnet CreateTags CreateVpc DeleteInternetGateway
                DeleteNetworkInterface DeleteRoute DeleteRouteTable DeleteSecurityGroup DeleteSubnet DeleteTags
                DeleteVpc DescribeAvailabilityZones DescribeInternetGateways DescribeNetworkInterfaces
                DescribeRouteTables DescribeSecurityGroupRules DescribeSecurityGroups DescribeSubnets DescribeTags
                DescribeVpcAttribute DescribeVpcNamespaces DescribeVpcs DetachInternetGateway
                DisassociateRouteTable ModifySubnetAttribute ModifyVpcAttribute ReplaceRoute
                ReplaceRouteTableAssociation RevokeSecurityGroupEgress RevokeSecurityGroupIngress;
            ecr:
                BatchCheckLayerAvailability BatchDeleteImage BatchGetImage CreateRepository DeleteLifecyclePolicy
                DeleteRepository DeleteRepositoryPolicy DescribeImages DescribeRepositories GetAuthorizationToken
                GetLifecyclePolicy GetRepositoryPolicy ListImages ListTagsForResource PutImage
                PutImageScanningConfiguration PutImageTagMutability PutLifecyclePolicy SetRepositoryPolicy
                TagResource UntagResource;
            ecs:
                ContinueServiceDeployment CreateCluster CreateService DeleteAccountSetting DeleteCluster
                DeleteService DeleteTaskDefinitions DeregisterTaskDefinition DescribeClusters
                DescribeServiceDeployments DescribeServiceRevisions DescribeServices DescribeSteering DescribeTaskDefinition
                DescribeTaskNamespaces DescribeTasks ExecuteCommand ListAccountSettings ListClusters
                ListServiceDeployments ListServices ListTagsForResource ListTaskDefinitionFamilies
                ListTaskDefinitions ListTasks PutAccountSetting PutAccountSettingDefault PutClusterCapacityProviders
                PutServiceSteering RegisterTaskDefinition RunTask SteerDeployment StopServiceDeployment StopTask TagResource UntagResource UpdateCluster
                UpdateClusterSettings UpdateService;
            elbv2:
                AddListenerCertificates AddTags CreateListener CreateLoadBalancer CreateRule CreateTargetGroup
                DeleteListener DeleteLoadBalancer DeleteRule DeleteTargetGroup DeregisterTargets
                DescribeListenerCertificates DescribeListeners DescribeLoadBalancerAttributes
                DescribeLoadBalancerUrls DescribeLoadBalancers DescribeRuleStates DescribeRules DescribeSSLPolicies
                DescribeTags DescribeTargetGroupAttributes DescribeTargetGroupCounts DescribeTargetGroups
                DescribeTargetHealth ModifyListener
                ModifyLoadBalancerAttributes ModifyRule ModifyTargetGroup ModifyTargetGroupAttributes
                RegisterTargets RemoveListenerCertificates RemoveTags SetRulePriorities SetSecurityGroups;
            iam:
                AttachRolePolicy CreateRole CreateServiceLinkedRole DeleteRole DeleteRolePermissionsBoundary
                DeleteRolePolicy DeleteServiceLinkedRole DetachRolePolicy GetRole GetRolePolicy
                GetServiceLinkedRoleDeletionStatus ListAttachedRolePolicies ListRolePolicies ListRoleTags
                ListRoles PutRolePermissionsBoundary PutRolePolicy TagRole UntagRole UpdateAssumeRolePolicy
                UpdateRole UpdateRoleDescription;
            logs:
                CreateLogGroup CreateLogStream DeleteLogGroup DeleteLogStream DeleteRetentionPolicy
                DescribeLogGroups DescribeLogStreams DescribeQueries FilterLogEvents GetLogEvents GetQueryResults
                ListTagsForResource ListTagsLogGroup PutLogEvents PutLogGroupDeletionProtection PutRetentionPolicy
                StartQuery StopQuery TagLogGroup TagResource UntagLogGroup UntagResource;
            serin:
                DescribeHouse;
            servicediscovery:
                CreateHttpNamespace CreatePrivateDnsNamespace CreateService DeleteNamespace DeleteService
                DeleteServiceAttributes DeregisterInstance DiscoverInstances DiscoverInstancesRevision GetInstance
                GetInstancesHealthStatus GetNamespace GetOperation GetService GetServiceAttributes ListInstances
                ListNamespaces ListOperations ListServices ListTagsForResource RegisterInstance TagResource
                UntagResource UpdateHttpNamespace UpdateInstanceCustomHealthStatus UpdatePrivateDnsNamespace
                UpdateService UpdateServiceAttributes;
            sts:
                AssumeRole GetCallerIdentity GetSessionToken;
            xray:
                BatchGetTraces CreateGroup CreateSamplingRule DeleteGroup DeleteSamplingRule GetEncryptionConfig
                GetGroup GetGroups GetSamplingRules GetSamplingStatisticSummaries GetSamplingTargets GetServiceGraph
                GetTimeSeriesServiceStatistics GetTraceGraph GetTraceSegmentDestination GetTraceSummaries
                ListTagsForResource PutEncryptionConfig PutTelemetryRecords PutTraceSegments TagResource UntagResource
                UpdateGroup UpdateSamplingRule UpdateTraceSegmentDestination;
        }
    };
}

macro_rules! names {
    ($($module:ident: $($name:ident)*;)*) => {
        &[$($((crate::$module::$name::SERVICE, crate::$module::$name::NAME)),*),*]
    };
}

/// The signing name of the service and the name of every operation.
pub const OPERATIONS: &[(&str, &str)] = for_each_operation!(names);

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::OPERATIONS;

    /// The operations that the sources in `folder` declare.
    fn declared(folder: &Path, found: &mut BTreeSet<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                declared(&path, found);
                continue;
            }
            let source = fs::read_to_string(path).unwrap();
            let code: String = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            for call in code.split("operation!(").skip(1) {
                let mut arguments = call.split(',').map(str::trim);
                let (name, service) = (arguments.next().unwrap(), arguments.next().unwrap_or_default());
                if name.starts_with(|letter: char| letter.is_ascii_uppercase()) {
                    found.insert((service.trim_matches('"').to_owned(), name.to_owned()));
                }
            }
        }
    }

    #[test]
    fn the_list_has_every_operation_that_is_declared() {
        let mut found = BTreeSet::new();
        declared(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        let listed: BTreeSet<_> =
            OPERATIONS.iter().map(|(service, name)| (service.to_string(), name.to_string())).collect();
        assert_eq!(found.difference(&listed).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "not listed");
        assert_eq!(listed.len(), OPERATIONS.len(), "something is listed twice");
    }
}
