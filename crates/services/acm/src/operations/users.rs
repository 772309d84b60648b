//! Who shows a certificate, and keeps it from being deleted.

use api::{
    Fault,
    appmesh::{self, ListenerTls},
    elbv2,
};

use crate::Cx;

/// The ARNs of those whose listeners show the certificate `arn`: load balancers, virtual nodes and virtual gateways. Where
/// a service is not there, nothing of it uses the certificate.
pub(super) async fn users(cx: &Cx, arn: &str) -> Vec<String> {
    let mut found = balancers(cx, arn).await;
    found.extend(nodes_and_gateways(cx, arn).await);
    found
}

/// The ARNs of the load balancers whose listeners show the certificate `arn`.
async fn balancers(cx: &Cx, arn: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut page = Some(elbv2::DescribeLoadBalancersRequest::default());
    while let Some(request) = page.take() {
        let Ok(answer) = send::<elbv2::DescribeLoadBalancers>(cx, request.clone()).await else { break };
        for balancer in answer.load_balancers {
            if is_shown_by(cx, &balancer.load_balancer_arn, arn).await {
                found.push(balancer.load_balancer_arn);
            }
        }
        page = answer.next_marker.map(|marker| elbv2::DescribeLoadBalancersRequest { marker: Some(marker), ..request });
    }
    found
}

async fn is_shown_by(cx: &Cx, balancer: &str, arn: &str) -> bool {
    // The quota of listeners keeps them on one page, and so does that of certificates.
    let request =
        elbv2::DescribeListenersRequest { load_balancer_arn: Some(balancer.to_owned()), ..Default::default() };
    let Ok(answer) = send::<elbv2::DescribeListeners>(cx, request).await else { return false };
    for listener in answer.listeners.into_iter().filter(|listener| !listener.certificates.is_empty()) {
        let listener_arn = listener.listener_arn;
        let request = elbv2::DescribeListenerCertificatesRequest { listener_arn, ..Default::default() };
        let Ok(answer) = send::<elbv2::DescribeListenerCertificates>(cx, request).await else { continue };
        if answer.certificates.iter().any(|one| one.certificate_arn.as_deref() == Some(arn)) {
            return true;
        }
    }
    false
}

/// The ARNs of the virtual nodes and gateways whose listeners show the certificate `arn`.
async fn nodes_and_gateways(cx: &Cx, arn: &str) -> Vec<String> {
    let mut found = Vec::new();
    // Their quotas keep all of these lists on one page.
    let Ok(meshes) = send::<appmesh::ListMeshes>(cx, appmesh::ListMeshesRequest::default()).await else { return found };
    for mesh in meshes.meshes {
        let request = appmesh::ListVirtualNodesRequest {
            limit: None,
            mesh_name: mesh.mesh_name.clone(),
            mesh_owner: None,
            next_token: None,
        };
        let mut nodes = Vec::new();
        let mut page = Some(request);
        while let Some(request) = page.take() {
            let Ok(answer) = send::<appmesh::ListVirtualNodes>(cx, request.clone()).await else { break };
            nodes.extend(answer.virtual_nodes);
            page =
                answer.next_token.map(|token| appmesh::ListVirtualNodesRequest { next_token: Some(token), ..request });
        }
        for node in nodes {
            let request = appmesh::DescribeVirtualNodeRequest {
                mesh_name: node.mesh_name,
                mesh_owner: None,
                virtual_node_name: node.virtual_node_name,
            };
            let Ok(answer) = send::<appmesh::DescribeVirtualNode>(cx, request).await else { continue };
            let mut listeners = answer.virtual_node.spec.listeners.iter();
            if listeners.any(|listener| shows(listener.tls.as_ref(), arn)) {
                found.push(node.arn.to_string());
            }
        }
        found.extend(gateways(cx, &mesh.mesh_name, arn).await);
    }
    found
}

/// The ARNs of the virtual gateways of `mesh` whose listeners show the certificate `arn`.
async fn gateways(cx: &Cx, mesh: &str, arn: &str) -> Vec<String> {
    let request = appmesh::ListVirtualGatewaysRequest {
        limit: None,
        mesh_name: mesh.to_owned(),
        mesh_owner: None,
        next_token: None,
    };
    let mut found = Vec::new();
    let Ok(answer) = send::<appmesh::ListVirtualGateways>(cx, request).await else { return found };
    for gateway in answer.virtual_gateways {
        let request = appmesh::DescribeVirtualGatewayRequest {
            mesh_name: gateway.mesh_name,
            mesh_owner: None,
            virtual_gateway_name: gateway.virtual_gateway_name,
        };
        let Ok(answer) = send::<appmesh::DescribeVirtualGateway>(cx, request).await else { continue };
        if answer.virtual_gateway.spec.listeners.iter().any(|listener| shows(listener.tls.as_ref(), arn)) {
            found.push(gateway.arn.to_string());
        }
    }
    found
}

async fn send<Op: api::Operation>(cx: &Cx, request: Op::Request) -> Result<Op::Response, Fault> {
    cx.caller.call::<Op>(cx.scope(), request).await
}

fn shows(tls: Option<&ListenerTls>, arn: &str) -> bool {
    tls.and_then(|tls| tls.certificate.acm.as_ref()).is_some_and(|acm| acm.certificate_arn == arn)
}
