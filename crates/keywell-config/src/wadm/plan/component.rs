use super::application::Application;
use super::context::Context;
use super::secret;
use super::values::Values;
use crate::report::secrets::is_secret;
use crate::wadm::component::Component;
use crate::{Code, ComponentPlan};

/// The most instances that a component of a keywell.toml may have.
const MAX_INSTANCES: u32 = 10_000;

/// What a component is by itself, without its links.
pub(super) fn plan<'a>(
    context: &Context<'a>,
    application: &'a Application,
    component: &'a Component,
) -> ComponentPlan {
    let config = Values::read(context, application, &component.config);
    let secrets = component.secrets.iter().filter_map(|item| {
        let value = secret::read(context, application, item)?;
        Some((item.name.value.clone(), value.value))
    });
    let scaler = component.scaler.as_ref();
    let instances = scaler.map(|scaler| scaler.instances.value.min(MAX_INSTANCES));
    let image = component.image().cloned().unwrap_or_default();
    let config = config.into_texts();
    let concealed = config.iter().filter(|(key, value)| is_secret(key, value));
    ComponentPlan {
        concealed: concealed.map(|(key, _)| key.clone()).collect(),
        code: code(application, &image),
        place: application.place(image.place),
        config,
        secrets: secrets.collect(),
        instances,
        ..ComponentPlan::default()
    }
}

fn code(application: &Application, image: &str) -> Code {
    if image.starts_with("file://") {
        return Code::File(application.path(image));
    }
    let schemes = ["oci://", "http://", "https://"];
    let bare = schemes.iter().find_map(|scheme| image.strip_prefix(scheme));
    Code::Image {
        reference: bare.unwrap_or(image).to_owned(),
        file: None,
    }
}
