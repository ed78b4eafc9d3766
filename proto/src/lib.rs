//! The contract with clients: package `tandem.v1` as Rust, its descriptors, and how its resources read as text.
//!
//! The `.proto` files are the source; everything in [`v1`] is generated from them. [`words`] and [`json`] are the one
//! spelling that the command line and the REST API share, so that what one prints the other accepts.

pub mod json;
pub mod lock;
pub mod told;
pub mod words;

/// Messages, clients and servers of package `tandem.v1`.
pub mod v1 {
    tonic::include_proto!("tandem.v1");

    impl std::fmt::Debug for Credentials {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            let seen = |secret: &str| if secret.is_empty() { "none" } else { "[redacted]" };
            f.debug_struct("Credentials")
                .field("token", &seen(&self.token))
                .field("signing_secret", &seen(&self.signing_secret))
                .finish()
        }
    }

    impl std::fmt::Debug for CreateTokenResponse {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("CreateTokenResponse")
                .field("token", &self.token)
                .finish_non_exhaustive()
        }
    }
}

/// The compiled `.proto` files as one encoded `FileDescriptorSet`, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Every call of the contract, such as `LinkService/GetLink`, in the order of the files.
pub fn calls() -> Vec<String> {
    let Ok(set) = <prost_types::FileDescriptorSet as prost::Message>::decode(FILE_DESCRIPTOR_SET)
    else {
        return Vec::new();
    };
    let ours = set.file.iter().filter(|file| file.package() == "tandem.v1");
    let services = ours.flat_map(|file| &file.service);
    let calls = services.flat_map(|service| {
        service.method.iter().map(move |call| format!("{}/{}", service.name(), call.name()))
    });
    calls.collect()
}

#[cfg(test)]
mod tests {
    use super::{FILE_DESCRIPTOR_SET, v1};
    use prost::Message as _;

    #[test]
    fn debug_shows_no_secret() {
        let integration = v1::Integration {
            credentials: Some(v1::Credentials {
                token: "u+tokentoken".to_owned(),
                signing_secret: String::new(),
            }),
            ..Default::default()
        };
        let shown = format!("{integration:?}");
        assert!(!shown.contains("tokentoken"), "{shown}");
        assert!(shown.contains("[redacted]") && shown.contains("none"), "{shown}");
        let made = v1::CreateTokenResponse { token: None, secret: "tdm_canary".to_owned() };
        assert!(!format!("{made:?}").contains("canary"));
    }

    #[test]
    fn the_descriptors_hold_every_service() {
        let set = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        let mut services: Vec<&str> =
            set.file.iter().flat_map(|file| &file.service).map(|service| service.name()).collect();
        services.sort_unstable();
        assert_eq!(
            services,
            [
                "AuditService",
                "ConfigurationService",
                "ConflictService",
                "DeadLetterService",
                "DirectoryService",
                "FieldMappingService",
                "IncidentService",
                "IntegrationService",
                "KeyService",
                "LinkService",
                "OnCallService",
                "OwnershipService",
                "PlanService",
                "ServiceMappingService",
                "StatusService",
                "TokenService"
            ]
        );
    }
}
