import PhotosUI
import SqueezeSAMKit
import SwiftUI
import UIKit
import UniformTypeIdentifiers

/// The first screen: a photo, what was selected on it, and what can be done with that.
struct ContentView: View {
    @StateObject private var session = Session()
    @State private var picked: PhotosPickerItem?
    @State private var showsCamera = false
    @State private var showsOriginal = false
    @State private var showsCutoutAlone = false

    var body: some View {
        NavigationStack {
            VStack(spacing: 12) {
                picture
                Text(session.message).font(.footnote).multilineTextAlignment(.center)
                    .accessibilityAddTraits(.updatesFrequently)
                buttons
            }
            .padding()
            .navigationTitle("SqueezeSAM")
            .toolbar {
                ToolbarItem(placement: .primaryAction) {
                    NavigationLink {
                        SettingsView(session: session)
                    } label: {
                        Label("Settings and checks", systemImage: "gearshape")
                    }
                }
            }
        }
        .task { await session.start() }
        .onChange(of: picked) { _, item in
            guard let item else { return }
            picked = nil  // so that the same photo can be chosen again
            Task { await session.show { try await item.loadTransferable(type: Data.self) } }
        }
        .sheet(isPresented: $showsCamera) {
            CameraPicker { data in
                showsCamera = false
                if let data { Task { await session.show { data } } }
            }
        }
    }

    @ViewBuilder private var picture: some View {
        if let photo = session.photo {
            ZStack {
                if showsOriginal {
                    Image(uiImage: photo.image).resizable().scaledToFit()
                        .accessibilityLabel(Text("The photo without its mask"))
                } else {
                    PhotoPicture(
                        session: session, photo: photo, showsCutoutAlone: showsCutoutAlone)
                }
                if session.isBusy { ProgressView().accessibilityLabel(Text("Working")) }
            }
        } else {
            Image(systemName: "photo.badge.plus").font(.largeTitle).accessibilityHidden(true)
                .frame(maxWidth: .infinity, maxHeight: .infinity)
        }
    }

    private var buttons: some View {
        VStack(spacing: 12) {
            // Where the user's text size leaves no room for the words, the icons remain.
            ViewThatFits(in: .horizontal) {
                actions
                actions.labelStyle(.iconOnly)
            }
            ViewThatFits(in: .horizontal) {
                HStack { looks }
                VStack { looks }
            }
            if let cutout = session.cutout { CutoutBar(cutout: cutout) }
        }
        .buttonStyle(.bordered)
    }

    private var actions: some View {
        HStack {
            PhotosPicker(selection: $picked, matching: .images) {
                Label("Photo", systemImage: "photo")
            }
            Button {
                showsCamera = true
            } label: {
                Label("Camera", systemImage: "camera")
            }
            .disabled(!CameraPicker.isAvailable)
            Button {
                Task { await session.undo() }
            } label: {
                Label("Undo", systemImage: "arrow.uturn.backward")
            }
            .disabled(session.selection.actions.isEmpty)
            Button {
                Task { await session.clear() }
            } label: {
                Label("Clear", systemImage: "xmark")
            }
            .disabled(session.photo == nil)
        }
    }

    @ViewBuilder private var looks: some View {
        Toggle("Before", isOn: $showsOriginal).disabled(session.photo == nil)
        Toggle("Cut-out alone", isOn: $showsCutoutAlone).disabled(session.cutout == nil)
    }
}

/// The cut-out to drag, copy and share, as PNG with soft edges.
private struct CutoutBar: View {
    let cutout: Cutout

    var body: some View {
        ViewThatFits(in: .horizontal) {
            content
            content.labelStyle(.iconOnly)
        }
    }

    private var content: some View {
        HStack {
            Image(uiImage: cutout.image).resizable().scaledToFit().frame(width: 44, height: 44)
                .onDrag { itemProvider() }
                .accessibilityLabel(Text("The cut-out; drag it into another app"))
            Button {
                UIPasteboard.general.setData(
                    cutout.png, forPasteboardType: UTType.png.identifier)
            } label: {
                Label("Copy", systemImage: "doc.on.doc")
            }
            ShareLink(
                item: SharedCutout(png: cutout.png),
                preview: SharePreview("Cut-out", image: Image(uiImage: cutout.image))
            ) {
                Label("Share", systemImage: "square.and.arrow.up")
            }
        }
    }

    private func itemProvider() -> NSItemProvider {
        let png = cutout.png
        let provider = NSItemProvider()
        provider.registerDataRepresentation(
            forTypeIdentifier: UTType.png.identifier, visibility: .all
        ) { completion in
            completion(png, nil)
            return nil
        }
        return provider
    }
}

/// A cut-out on its way to other apps.
private struct SharedCutout: Transferable {
    let png: Data

    static var transferRepresentation: some TransferRepresentation {
        DataRepresentation(exportedContentType: .png) { (cutout: SharedCutout) in cutout.png }
    }
}
